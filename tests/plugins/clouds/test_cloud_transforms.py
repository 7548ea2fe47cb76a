"""Transforms of clouds against recorded numbers, and for clouds of unequal sizes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from helpers.clouds.golden import SEED, cloud, cloud_size, normalised
from helpers.golden_rules import golden

from gait_plugins.api import Ragged
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.clouds.transforms.depth import DepthImages
from gait_plugins.plugins.clouds.transforms.points import PointCloudsTransform
from gait_plugins.plugins.clouds.transforms.sampling import SamplePoints
from gait_plugins.prepare.clouds.projection import depth_image
from gait_plugins.testing import check_transform

PUBLISHED_ORDER = ("flip_prob", "shift_prob", "jit_prob", "scale_prob", "drop_prob")
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "no_height": {"scale_aware": False},
    "flip": {"flip_prob": 1},
    "shift": {"shift_prob": 1},
    "jitter": {"jit_prob": 1},
    "scale": {"scale_prob": 1},
    "dropout": {"drop_prob": 1},
    "all": dict.fromkeys(PUBLISHED_ORDER, 1),
}


class PublishedDraws:
    """Numpy's old global numbers in place of a generator's."""

    def __init__(self) -> None:
        self.state = np.random.RandomState(SEED)

    def random(self, size: Any = None) -> Any:
        return self.state.rand() if size is None else self.state.rand(*np.atleast_1d(size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.state, name)


@pytest.mark.parametrize("case", CASES)
def test_each_augmentation_is_as_recorded(case: str) -> None:
    transform = PointCloudsTransform(**{"scale_aware": True, **CASES[case]})
    frames = np.stack([cloud(0, t, 20) for t in range(2)])
    expected = golden("clouds/pointcloud")[f"transform_{case}"]
    found = transform(frames, PublishedDraws())  # type: ignore[arg-type]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-7 * np.abs(expected).max())
    packed = transform(Ragged.of(frames), PublishedDraws())  # type: ignore[arg-type]
    np.testing.assert_array_equal(packed.values.reshape(found.shape), found)


class ChoiceDraws:
    """The numbers that ``random.choices`` takes."""

    def random(self, size: tuple[int, int]) -> np.ndarray:
        return np.array([[random.random() for _ in range(size[1])] for _ in range(size[0])])


def test_points_are_drawn_as_the_recorded_collation_draws_them() -> None:
    recorded = golden("clouds/pointcloud")
    sequences = [Ragged.of([cloud(n, t, cloud_size(n, t, 11)) for t in range(3 + n)]) for n in range(2)]
    state = random.getstate()
    try:
        random.seed(SEED)
        chosen = np.random.RandomState(SEED)
        for row, frames in enumerate(sequences):
            picked = frames.take(chosen.choice(list(range(len(frames))), 4, replace=len(frames) < 4))
            found = SamplePoints(9)(picked, ChoiceDraws())  # type: ignore[arg-type]
            np.testing.assert_array_equal(found, recorded["collate_fixed"][row])
        random.seed(SEED)
        whole = [SamplePoints(9)(frames, ChoiceDraws()) for frames in sequences]  # type: ignore[arg-type]
        np.testing.assert_array_equal(np.concatenate(whole)[None], recorded["collate_all"])
        assert [[len(frames) for frames in sequences]] == recorded["collate_all_seqL"].tolist()
    finally:
        random.setstate(state)


def unequal() -> Ragged:
    return Ragged.of([cloud(0, t, size).astype(np.float32) for t, size in enumerate((20, 7, 33, 1))])


def test_a_frame_becomes_the_same_alone_and_among_others() -> None:
    transform, clouds = PointCloudsTransform(scale_aware=True), unequal()
    whole = transform(clouds, np.random.default_rng(0))
    assert isinstance(whole, Ragged)
    for number, frame in enumerate(clouds):
        alone = transform(Ragged.of([frame]), np.random.default_rng(1))
        np.testing.assert_array_equal(alone.values, whole[number])
        if len(frame) > 1:
            np.testing.assert_allclose(
                whole[number], normalised(frame[None].astype(float), True)[0], atol=1e-6
            )
    assert not whole[3].any()  # one point: in the middle, on the ground


def test_a_test_takes_the_same_points_whatever_the_seed_and_the_frames_beside_it() -> None:
    clouds = unequal()
    fixed = SamplePoints(16).at_test()
    found = fixed(clouds, np.random.default_rng(0))
    assert found.shape == (4, 16, 3)
    np.testing.assert_array_equal(found, fixed(clouds, np.random.default_rng(1)))
    np.testing.assert_array_equal(found[1:2], fixed(clouds.take(np.array([1])), np.random.default_rng(2)))
    drawn = SamplePoints(16, random_at_test=True).at_test()
    assert not np.array_equal(
        drawn(clouds, np.random.default_rng(0)), drawn(clouds, np.random.default_rng(1))
    )


def test_every_point_of_a_cloud_may_be_drawn() -> None:
    clouds = Ragged.of([np.arange(21.0).reshape(7, 3)])
    found = SamplePoints(500)(clouds, np.random.default_rng(0))
    assert {tuple(point) for point in found[0]} == {tuple(point) for point in clouds.values}


@pytest.mark.parametrize(
    "make",
    [
        lambda: SamplePoints(5),
        lambda: SamplePoints(5).at_test(),
        lambda: DepthImages(16),
        lambda: PointCloudsTransform(scale_aware=True, **dict.fromkeys(PUBLISHED_ORDER, 0.5)),
    ],
)
def test_the_contract_of_transforms_is_kept(make: Any) -> None:
    check_transform(make)


def test_what_is_no_cloud_is_refused_in_words() -> None:
    rng = np.random.default_rng(0)
    for transform in (SamplePoints(4), PointCloudsTransform()):
        with pytest.raises(
            DataError, match=r"takes clouds of x, y, z \[m, 3 or more\], found frames of shape"
        ):
            transform(np.zeros((3, 64, 64, 3), np.uint8), rng)
        with pytest.raises(DataError, match="found an empty one"):
            transform(Ragged.of([np.zeros((2, 3)), np.zeros((0, 3))]), rng)
    with pytest.raises(ConfigError, match="points_num of SamplePoints is 0"):
        SamplePoints(0)
    with pytest.raises(ConfigError, match=r"flip_prob of PointCloudsTransform is 1.5, expected .* 0 to 1"):
        PointCloudsTransform(flip_prob=1.5)


def test_depth_images_are_those_of_each_cloud() -> None:
    clouds = unequal()
    found = DepthImages()(clouds, np.random.default_rng(0))
    assert (found.shape, found.dtype) == ((4, 3, 64, 64), np.uint8)
    np.testing.assert_array_equal(found[2], depth_image(clouds[2]))
    with pytest.raises(ConfigError, match="size of DepthImages is 2"):
        DepthImages(2)
