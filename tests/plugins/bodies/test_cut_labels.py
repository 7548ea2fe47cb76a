"""Labels of body parts are cut and mirrored, and keep their meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.golden_rules import golden

import gait_plugins
from gait_plugins.api import SILHOUETTES, Stream, Transform
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.testing import check_transform

LABELS = Stream("parsing", (64, 64), "uint8", 0, 11)


def cut(**options: Any) -> Transform:
    made = gait_plugins.build("transform", {"type": "BaseParsingCuttingTransform", **options})
    assert isinstance(made, Transform)
    return made


def of(transform: Transform, frames: np.ndarray) -> np.ndarray:
    """As the model gets them."""
    return transform(frames, np.random.default_rng(0)).astype(np.float32) / np.float32(transform.divisor)


def test_labels_are_the_published_ones() -> None:
    recorded = golden("bodies/parsing")
    for published in (False, True):
        found = of(cut(published=published), recorded["gps_parsing"])
        assert np.array_equal(found, recorded["cut_labels"])


def test_a_sequence_with_255_is_divided_as_published_alone() -> None:
    recorded = golden("bodies/parsing")
    frames = recorded["gps_parsing"].copy()
    frames[0, 0, 0] = 255
    assert np.array_equal(of(cut(published=True), frames), recorded["cut_labels_255"])
    assert np.array_equal(of(cut(), frames), frames[:, :, 10:54])


@pytest.mark.parametrize("published", [False, True])
def test_the_contract_of_transforms_is_kept(published: bool) -> None:
    check_transform(cut(published=published), (64, 64))


def test_frames_are_cut_once() -> None:
    narrow = np.ones((2, 128, 88), np.uint8)
    assert cut()(narrow, np.random.default_rng(0)).shape == (2, 128, 88)
    assert cut(published=True)(narrow, np.random.default_rng(0)).shape == (2, 128, 68)
    assert cut(cutting=3)(np.ones((2, 64, 64), np.uint8), np.random.default_rng(0)).shape == (2, 64, 58)


def test_what_comes_of_a_stream_is_known_ahead() -> None:
    after = cut().becomes(LABELS)
    assert after is not None
    assert (after.shape, after.dtype, after.high) == ((64, 44), "uint8", 11)
    floats = cut(published=True).becomes(LABELS)
    assert floats is not None
    assert floats.dtype == "float32"
    assert cut().becomes(LABELS.changed(shape=("h", "w"))) == LABELS.changed(shape=("h", "w"))


def test_pictures_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="'silhouettes' has values up to 255, expected labels of body parts"
    ):
        cut().becomes(SILHOUETTES)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"divsor": 0}, "divsor is 0"), ({"cutting": -1}, "cutting is -1, expected pixels >= 0")],
)
def test_impossible_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        cut(**options)


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(DataError, match="cutting 32 pixels on either side leaves nothing of frames of 64x64"):
        cut(cutting=32)(np.ones((1, 64, 64), np.uint8), np.random.default_rng(0))


def flip(**options: Any) -> Transform:
    made = gait_plugins.build("transform", {"type": "RandomHorizontalFlip", "prob": 1, **options})
    assert isinstance(made, Transform)
    return made


def test_a_mirror_of_labels_must_say_which_change_places() -> None:
    with pytest.raises(ConfigError, match=r"left arm is the right one(.|\n)*sides: \[\[3, 4\], \[5, 6\]"):
        flip().becomes(LABELS)
    assert flip(sides=[]).becomes(LABELS) == LABELS  # as published
    assert flip(sides=[[3, 4]]).becomes(LABELS) == LABELS
    assert flip().becomes(SILHOUETTES) == SILHOUETTES


@pytest.mark.parametrize("name", ["RandomRotate", "RandomPerspective", "RandomAffine"])
def test_labels_are_not_blended_unasked(name: str) -> None:
    def made(**options: Any) -> Transform:
        built = gait_plugins.build("transform", {"type": name, **options})
        assert isinstance(built, Transform)
        return built

    with pytest.raises(ConfigError, match="would be blended: between 2 and 10 lies 6"):
        made().becomes(LABELS)
    assert made(labels=True).becomes(LABELS) == made(labels=False).becomes(LABELS) == LABELS
    assert made().becomes(SILHOUETTES) == SILHOUETTES


def test_a_mirrored_person_has_the_other_arm_as_the_left_one() -> None:
    chain = [{"type": "BaseParsingCuttingTransform"}, {"type": "RandomHorizontalFlip", "prob": 1}]
    frames = golden("bodies/parsing")["gps_parsing"]
    narrow = frames[:, :, 10:54]
    for published, expected in ((True, narrow), (False, exchanged(narrow))):
        joint: Any = gait_plugins.build(
            "joint_transform",
            {"type": "JointPictures", "streams": ["parsing"], "trf_cfg": chain, "published_flip": published},
        )
        found = joint({"parsing": frames}, np.random.default_rng(0))["parsing"]
        assert np.array_equal(found, expected[:, :, ::-1])
        assert joint.divisors == {"parsing": 1}, "labels keep their numbers"
        assert joint.becomes({"parsing": LABELS})["parsing"].shape == (64, 44)


def exchanged(labels: np.ndarray) -> np.ndarray:
    """Left and right labels in each other's place."""
    out = labels.copy()
    for left, right in ((3, 4), (5, 6), (7, 8), (9, 10)):
        out[labels == left], out[labels == right] = right, left
    return out
