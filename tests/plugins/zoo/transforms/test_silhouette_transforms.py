"""Transforms: published options and draws, all frames at once, input untouched, cut once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.transforms.augment import BothSides, RandomErasing, RandomHorizontalFlip
from gait_plugins.plugins.zoo.transforms.compose import Compose
from gait_plugins.plugins.zoo.transforms.silhouette import BaseSilCuttingTransform, BaseSilTransform
from gait_plugins.plugins.zoo.transforms.warp import (
    RandomAffine,
    RandomPerspective,
    RandomRotate,
    warp_affine,
    warp_perspective,
)

RANDOM = [RandomHorizontalFlip, RandomErasing, RandomRotate, RandomPerspective, RandomAffine]


def walk(t: int = 5, h: int = 64, w: int = 44, seed: int = 0, channels: int = 0) -> np.ndarray:
    """Blocky random frames, uint8 0 or 255."""
    shape = (t, channels, h // 4, w // 4) if channels else (t, h // 4, w // 4)
    blocks = np.random.default_rng(seed).random(shape) > 0.5
    return (blocks.repeat(4, -1).repeat(4, -2) * 255).astype(np.uint8)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- what holds for all --------------------------------------------------------------------------


@pytest.mark.parametrize("transform", RANDOM)
@settings(max_examples=25, deadline=None)
@given(
    t=st.integers(1, 40), size=st.sampled_from([(64, 44), (64, 64), (128, 88)]), seed=st.integers(0, 2**31)
)
def test_a_sequence_changes_as_its_frames_do_alone(transform, t, size, seed):
    frames = walk(t, *size, seed=seed % 7)
    before = frames.copy()
    whole = transform(prob=1)(frames, rng(seed))
    np.testing.assert_array_equal(frames, before)
    assert whole.shape == frames.shape
    assert whole.dtype == np.uint8
    alone = [transform(prob=1)(frame[None], rng(seed))[0] for frame in frames]
    np.testing.assert_array_equal(whole, alone)


@pytest.mark.parametrize("transform", RANDOM)
def test_channels_change_as_frames_do(transform):
    frames = walk(4, channels=3)
    whole = transform(prob=1)(frames, rng(3))
    np.testing.assert_array_equal(whole[:, 1], transform(prob=1)(frames[:, 1], rng(3)))


@pytest.mark.parametrize("transform", RANDOM)
def test_the_same_draw_gives_the_same_frames_and_another_draw_others(transform):
    frames = walk()
    first, again = (transform(prob=1)(frames, rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    drawn = {transform(prob=1)(frames, rng(seed)).tobytes() for seed in range(8)}
    assert len(drawn) == (1 if transform is RandomHorizontalFlip else 8)


@pytest.mark.parametrize("transform", RANDOM)
def test_probability_decides_once_for_a_sequence(transform):
    frames = walk()
    generator = rng(0)
    acted = [not np.array_equal(transform(prob=0.3)(frames, generator), frames) for _ in range(600)]
    assert 0.22 < np.mean(acted) < 0.38
    assert transform(prob=0)(frames, generator) is frames


@pytest.mark.parametrize("transform", RANDOM)
@pytest.mark.parametrize("prob", [-0.1, 1.1, float("nan"), "often", True, None])
def test_probability_outside_its_range_is_an_error(transform, prob):
    with pytest.raises(ConfigError, match=f"prob of {transform.__name__}"):
        transform(prob=prob)


@pytest.mark.parametrize("transform", RANDOM)
def test_read_only_and_strided_frames_are_taken(transform):
    frames = walk(w=64)
    frames.flags.writeable = False
    view = frames[::2, :, 10:-10]
    result = transform(prob=1)(view, rng(2))
    np.testing.assert_array_equal(result, transform(prob=1)(np.ascontiguousarray(view), rng(2)))


# --- warps ---------------------------------------------------------------------------------------


def plain(frames: np.ndarray, warp) -> np.ndarray:
    """Frame by frame, as one would write it."""
    return np.stack([warp(frame, (frame.shape[1], frame.shape[0])) for frame in frames])


@settings(max_examples=25, deadline=None)
@given(t=st.integers(1, 300), angle=st.floats(-30, 30), seed=st.integers(0, 9))
def test_affine_warp_agrees_with_opencv_frame_by_frame(t, angle, seed):
    frames = walk(t, 32, 24, seed=seed)
    matrix = cv2.getRotationMatrix2D((10, 14), angle, 1)
    expected = plain(frames, lambda frame, size: cv2.warpAffine(frame, matrix, size))
    # OpenCV rounds positions of many-channel images to 1/32 pixel: a few grey levels at an edge.
    assert np.abs(warp_affine(frames, matrix).astype(int) - expected).max() <= 10


def test_perspective_warp_agrees_with_opencv_frame_by_frame():
    frames = walk(33, 64, 44)
    seen = np.array([[3, 0], [38, 0], [41, 64], [6, 64]], np.float32)
    matrix = cv2.getPerspectiveTransform(seen, np.array([[0, 0], [44, 0], [44, 64], [0, 64]], np.float32))
    expected = plain(frames, lambda frame, size: cv2.warpPerspective(frame, matrix, size))
    assert np.abs(warp_perspective(frames, matrix).astype(int) - expected).max() <= 10


def test_nothing_bleeds_between_frames():
    frames = np.zeros((40, 64, 44), np.uint8)
    frames[1::2] = 255
    moved = RandomRotate(1, 10)(frames, rng(4))
    assert not moved[::2].any()
    assert moved[1::2].any()


def test_rotation_turns_about_the_published_point_or_the_centre():
    frames = np.zeros((1, 64, 44), np.uint8)
    frames[0, 20:25, 30:35] = 255  # about (x, y) = (h // 2, w // 2) = (32, 22)
    assert RandomRotate(1, 180)(frames, rng(1))[0, 22, 32] == 255
    centred = np.zeros((1, 64, 44), np.uint8)
    centred[0, 29:35, 19:25] = 255
    np.testing.assert_allclose(
        RandomRotate(1, 180, about_centre=True)(centred, rng(1))[0, 31:33, 21:23], 255, atol=1
    )


def test_perspective_moves_corners_inwards_by_less_than_the_margin(monkeypatch):
    corners = []
    real = cv2.getPerspectiveTransform

    def spy(seen, frame):
        corners.append(seen.copy())
        return real(seen, frame)

    monkeypatch.setattr(cv2, "getPerspectiveTransform", spy)
    transform, generator = RandomPerspective(1), rng(0)
    for _ in range(400):
        transform(walk(1), generator)
    top_left, top_right, bottom_right, bottom_left = np.array(corners).transpose(1, 0, 2)
    assert set(np.unique(top_left[:, 0])) == set(np.unique(bottom_left[:, 0])) == set(range(10))
    assert set(np.unique(top_right[:, 0])) == set(np.unique(bottom_right[:, 0])) == set(range(34, 44))
    assert (top_left[:, 1] == 0).all()
    assert (bottom_right[:, 1] == 64).all()


def test_affine_draws_three_points_and_their_images(monkeypatch):
    points = []
    real = cv2.getAffineTransform

    def spy(before, after):
        points.extend([before.copy(), after.copy()])
        return real(before, after)

    monkeypatch.setattr(cv2, "getAffineTransform", spy)
    transform, generator = RandomAffine(1), rng(0)
    for _ in range(300):
        transform(walk(1), generator)
    first, second, third = np.array(points).transpose(1, 0, 2)
    assert set(np.unique(first)) == set(range(10))
    assert (second[:, 0].min(), second[:, 0].max()) == (64 - 9, 64)
    assert (third[:, 1].min(), third[:, 1].max()) == (44 - 9, 44)


@pytest.mark.parametrize(("transform", "size"), [(RandomPerspective, (64, 40)), (RandomAffine, (60, 60))])
def test_frames_too_small_to_move_corners_are_an_error(transform, size):
    with pytest.raises(DataError, match=f"{size[0]}x{size[1]}"):
        transform(1)(walk(2, *size), rng())


def test_degree_is_checked():
    with pytest.raises(ConfigError, match="degree of RandomRotate"):
        RandomRotate(0.5, -1)


# --- flip and erasing ----------------------------------------------------------------------------


def test_flip_mirrors():
    frames = walk()
    np.testing.assert_array_equal(RandomHorizontalFlip(1)(frames, rng()), frames[..., ::-1])


@pytest.mark.parametrize("channels", [0, 3])
def test_both_sides_are_the_frames_and_their_mirror_images(channels):
    frames = walk(3, channels=channels)
    np.testing.assert_array_equal(BothSides()(frames, rng()), np.concatenate([frames, frames[..., ::-1]]))


def test_both_sides_know_left_from_right():
    labels = np.full((1, 2, 2), 3, np.uint8)
    np.testing.assert_array_equal(BothSides(sides=[[3, 4]])(labels, rng())[1], labels[0] + 1)
    with pytest.raises(ConfigError, match="pairs of labels"):
        BothSides(sides=[[3]])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), per_frame=st.booleans())
def test_erasing_blackens_one_rectangle_of_the_asked_size(seed, per_frame):
    frames = np.full((6, 64, 44), 255, np.uint8)
    erased = RandomErasing(1, 0.05, 0.2, 0.3, per_frame)(frames, rng(seed)) == 0
    for frame in erased:
        rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert frame.sum() == high * wide
        assert 0.04 <= high * wide / frame.size <= 0.22
        assert 0.25 <= high / wide <= 4
        assert high < 64
        assert wide < 44
    assert per_frame or len({frame.tobytes() for frame in erased}) == 1


def test_erasing_per_frame_draws_for_each_frame():
    frames = np.full((400, 16, 16), 255, np.uint8)
    erased = (RandomErasing(0.25, per_frame=True)(frames, rng()) == 0).any((1, 2))
    assert 0.17 < erased.mean() < 0.33


def test_erasing_reaches_every_place():
    frames = np.full((3000, 12, 10), 255, np.uint8)
    assert (RandomErasing(1, per_frame=True)(frames, rng()) == 0).any(0).all()


def test_rectangle_that_fits_nowhere_erases_nothing():
    frames = np.full((3, 8, 8), 255, np.uint8)
    np.testing.assert_array_equal(RandomErasing(1, 1, 1, 1)(frames, rng()), frames)


@pytest.mark.parametrize("options", [{"sl": -1}, {"sh": 2}, {"sl": 0.5, "sh": 0.2}, {"r1": 0}])
def test_erasing_options_are_checked(options):
    with pytest.raises(ConfigError, match="RandomErasing"):
        RandomErasing(**options)


# --- scaling, cutting, composing -----------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    size=st.sampled_from([(64, 64), (64, 44), (128, 128), (128, 88), (32, 32)]), cutting=st.integers(0, 15)
)
def test_cutting_twice_cuts_once(size, cutting):
    for transform in (BaseSilCuttingTransform(), BaseSilCuttingTransform(cutting=cutting)):
        once = transform(np.zeros((2, *size), np.uint8), rng())
        assert transform(once, rng()).shape == once.shape


@pytest.mark.parametrize(
    ("size", "cutting", "width"),
    [
        ((64, 64), None, 44),
        ((64, 44), None, 44),
        ((128, 128), None, 88),
        ((128, 88), None, 88),
        ((64, 44), 10, 44),
        ((64, 64), 8, 48),
        ((64, 64), 0, 64),
        ((32, 32), None, 32),
    ],
)
def test_margins_are_cut_from_uncut_frames_alone(size, cutting, width):
    frames = np.arange(size[0] * size[1], dtype=np.uint16).astype(np.uint8).reshape(1, *size)
    cut = BaseSilCuttingTransform(cutting=cutting)(frames, rng())
    margin = (size[1] - width) // 2
    np.testing.assert_array_equal(cut, frames[..., margin : size[1] - margin])


def test_cutting_everything_away_is_an_error():
    with pytest.raises(DataError, match="64x64"):
        BaseSilCuttingTransform(cutting=32)(walk(1, 64, 64), rng())
    with pytest.raises(ConfigError, match="cutting is -1"):
        BaseSilCuttingTransform(cutting=-1)


def test_scaling_is_left_to_the_device():
    for transform in (BaseSilTransform(), BaseSilCuttingTransform()):
        assert transform.divisor == 255
        assert transform(walk(), rng()).dtype == np.uint8
    assert BaseSilTransform(divsor=1.0).divisor == 1
    with pytest.raises(ConfigError, match="divsor"):
        BaseSilTransform(divsor=0)


def test_frames_take_another_shape_of_as_many_values():
    assert BaseSilTransform(img_shape=[2, 32, 44])(walk(3), rng()).shape == (3, 2, 32, 44)
    with pytest.raises(DataError, match=r"\[64, 44\] cannot be reshaped to \[64, 64\]"):
        BaseSilTransform(img_shape=[64, 64])(walk(3), rng())


def test_compose_applies_in_order_and_multiplies_divisors():
    compose = Compose([RandomRotate(1), BaseSilCuttingTransform(), RandomHorizontalFlip(1)])
    assert compose.divisor == 255
    frames, generator = walk(3, 64, 64), rng(5)
    generator.random()
    angle = generator.uniform(-10, 10)
    expected = warp_affine(frames, cv2.getRotationMatrix2D((32, 32), angle, 1))[..., 10:-10][..., ::-1]
    np.testing.assert_array_equal(compose(frames, rng(5)), expected)
    assert Compose([]).divisor == 1
    assert Compose([]).__call__(frames, rng()) is frames
