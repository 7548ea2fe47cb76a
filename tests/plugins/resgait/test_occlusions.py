"""Occlusions: what they hide, that they repeat, and that they leave their input alone."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from helpers.golden_rules import sil

import gait_plugins
from gait_plugins.errors import ConfigError, GaitPluginsError
from gait_plugins.plugins.resgait.occlusion.hiding import (
    KINDS,
    hide_block,
    hide_bottom,
    hide_middle,
    hide_top,
    stretched,
)
from gait_plugins.plugins.resgait.occlusion.targets import WHOLE

SIZES = [(64, 64), (64, 44)]
PUBLISHED = ["ConsistentHalfPatchTwoTypesResized", "ConsistentMiddlePatch", "MovingPatch", "MovingPole"]
sizes = pytest.mark.parametrize("size", SIZES, ids=str)


def walk(size: tuple[int, int] = (64, 44), frames: int = 9) -> np.ndarray:
    return (sil(1, frames, *size)[0].numpy() * 255).astype(np.uint8)


def transform(name: str, **options: Any) -> Any:
    return gait_plugins.build("transform", {"type": name, **options})


@sizes
@pytest.mark.parametrize("name", PUBLISHED)
def test_frames_keep_their_size_kind_and_number(name: str, size: tuple[int, int]) -> None:
    sequence = walk(size)
    kept = sequence.copy()
    for seed in range(5):
        found = transform(name, prob=1.0)(sequence, np.random.default_rng(seed))
        assert (found.shape, found.dtype) == (sequence.shape, np.uint8)
        assert set(np.unique(found)) <= {0, 255}
        assert not np.array_equal(found, sequence)
    assert np.array_equal(sequence, kept)


@sizes
@pytest.mark.parametrize("portion", [0.1, 0.25, 0.37, 0.5, 0.6])
def test_what_is_left_is_stretched_as_opencv_stretches_it(portion: float, size: tuple[int, int]) -> None:
    height, width = size
    sequence = walk(size)
    cut = {
        "top": sequence[:, int(portion * height) :],
        "bottom": sequence[:, : int((1 - portion) * height)],
    }
    for kind, rest in cut.items():
        resized = np.stack([cv2.resize(frame.astype(np.float64), (width, height)) for frame in rest])
        expected = 255 * (resized > 127.5).astype(np.uint8)
        hide = hide_top if kind == "top" else hide_bottom
        assert np.array_equal(hide(sequence, portion), expected)


def test_another_size_is_that_of_opencv_too() -> None:
    sequence = walk((64, 44))
    resized = np.stack([cv2.resize(frame.astype(np.float64), (32, 32)) for frame in sequence])
    found = stretched(sequence, sequence, 32, 32)
    assert np.mean(found != 255 * (resized > 127.5)) < 0.002  # ties at half are left to rounding


def test_cutting_is_of_the_top_or_of_the_bottom_by_a_portion_of_the_range() -> None:
    tall = np.zeros((1, 64, 44), np.uint8)
    tall[:, :32] = 255
    half = transform("ConsistentHalfPatchTwoTypesResized", prob=1.0, portion_range=[0.5, 0.5])
    shares = {half(tall, np.random.default_rng(seed)).mean() / 255 for seed in range(20)}
    assert shares == {0.0, 1.0}  # top cut: the black half is left; bottom cut: the white half


def test_the_middle_is_blackened_and_nothing_else_changes() -> None:
    sequence = walk()
    found = hide_middle(sequence, 0.5)
    assert not found[:, 16:48].any()
    assert np.array_equal(found[:, :16], sequence[:, :16])
    assert np.array_equal(found[:, 48:], sequence[:, 48:])


def test_a_block_drifts_and_comes_in_again() -> None:
    white = np.full((60, 64, 44), 255, np.uint8)
    found = hide_block(white, width=0.5, height=0.25, speed=1.5)
    assert (found == 0).sum((1, 2)).tolist() == [22 * 16] * 60
    assert found[:, :48].all()
    for frame in range(14):  # until it reaches the right edge: the published motion
        columns = np.flatnonzero(found[frame, -1] == 0)
        assert columns.tolist() == list(range(int(frame * 1.5), int(frame * 1.5) + 22))


@sizes
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_hides_the_portion_it_says(kind: Any, size: tuple[int, int]) -> None:
    white = np.full((4, *size), 255, np.uint8)
    found = KINDS[kind](white, 0.4, np.random.default_rng(0))
    share = {"middle": 0.4, "moving": 0.4, "pole": 0.4}.get(kind, 0.0)
    assert (found == 0).mean() == pytest.approx(share, abs=0.05)


def test_colours_are_interpolated_not_thresholded() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 44), np.uint8)
    found = hide_top(colours, 0.3)
    assert found.shape == colours.shape
    assert len(np.unique(found)) > 50


def test_at_most_one_occlusion_is_chosen_by_its_probability() -> None:
    choose = transform(
        "Occlusion",
        shape_cfgs=[
            {"type": "ConsistentMiddlePatch", "prob": 0.3, "portion_range": [0.25, 0.25]},
            {"type": "MovingPole", "prob": 0.2, "width_range": [0.5, 0.5]},
        ],
    )
    white = np.full((2, 64, 44), 255, np.uint8)
    rng = np.random.default_rng(0)
    shares = np.array([(choose(white, rng) == 0).mean() for _ in range(2000)])
    seen = {round(float(share), 3): float(np.mean(shares == share)) for share in np.unique(shares)}
    assert seen == {
        0.0: pytest.approx(0.5, abs=0.04),
        0.25: pytest.approx(0.3, abs=0.04),
        0.5: pytest.approx(0.2, abs=0.04),
    }


def test_what_was_whole_is_kept_on_request_and_changes_no_draw() -> None:
    shapes = [{"type": "ConsistentHalfPatchTwoTypesResized", "prob": 1.0}]
    plain, keeping = (transform("Occlusion", shape_cfgs=shapes, keep_whole=keep) for keep in (False, True))
    frames = walk()
    occluded, nothing = plain.with_targets(frames, np.random.default_rng(3))
    same, targets = keeping.with_targets(frames, np.random.default_rng(3))
    assert nothing == {}
    assert np.array_equal(same, occluded)
    assert not np.array_equal(same, frames)
    assert np.array_equal(targets[WHOLE], frames.astype(np.float32) / 255)
    assert np.array_equal(
        keeping.with_targets(targets[WHOLE], np.random.default_rng(3))[1][WHOLE], targets[WHOLE]
    )


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([{"type": "MovingPatch", "prob": 0.7}, {"type": "MovingPole", "prob": 0.4}], "add up to 1.1"),
        ([{"type": "RandomHorizontalFlip", "prob": 0.2}], "RandomHorizontalFlip is not an occlusion"),
        ([{"type": "MovingPatch", "width_range": [0.6, 0.4]}], "width_range of MovingPatch"),
        ([{"type": "ConsistentMiddlePatch", "portion_range": [0.1, 1.4]}], "portion_range"),
        ([{"type": "MovingPatch", "prob": 1.2}], "prob of MovingPatch is 1.2"),
    ],
)
def test_mixtures_that_cannot_be_are_refused(shapes: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        transform("Occlusion", shape_cfgs=shapes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fixed_occlusion_depends_on_its_seed_and_the_silhouettes_alone(kind: str) -> None:
    sequence, other = walk(), walk(frames=12)[3:]
    fixed = transform("FixedOcclusion", kind=kind, portion=0.3, seed=4)
    found = [fixed(sequence, np.random.default_rng(seed)) for seed in range(3)]
    assert all(np.array_equal(found[0], again) for again in found)
    if kind in ("moving", "pole"):
        reseeded = transform("FixedOcclusion", kind=kind, portion=0.3, seed=5)
        white = np.full_like(sequence, 255)
        assert not np.array_equal(
            reseeded(white, np.random.default_rng(0)), fixed(white, np.random.default_rng(0))
        )
        assert fixed(other, np.random.default_rng(0)).shape == other.shape


def test_an_unknown_kind_is_named_with_those_that_there_are() -> None:
    with pytest.raises(GaitPluginsError, match="left") as caught:
        transform("FixedOcclusion", kind="left", portion=0.3)
    assert "bottom" in str(caught.value)


def test_labels_say_what_was_hidden() -> None:
    labelled = transform("LabelledOcclusion", kinds=["none", "bottom", "top", "middle"])
    white = np.full((1, 64, 44), 255, np.uint8)
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        frames, targets = labelled.with_targets(white, rng)
        kind, portion = targets["occlusion_kind"], targets["occlusion_portion"]
        seen.add(kind)
        if kind == 0:
            assert portion == 0
        else:
            assert 0.1 <= portion <= 0.6
        share = portion if kind == 3 else 0
        assert (frames == 0).mean() == pytest.approx(share, abs=0.02)
    assert seen == {0, 1, 2, 3}
