"""Frames in lanes: there and back unchanged, warped as OpenCV warps bytes, kept there between transforms."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins.api import Transform
from gait_plugins.plugins.zoo.transforms.augment import RandomErasing, RandomHorizontalFlip
from gait_plugins.plugins.zoo.transforms.compose import Compose, NoOperation, in_a_row
from gait_plugins.plugins.zoo.transforms.lanes import Lanes
from gait_plugins.plugins.zoo.transforms.silhouette import BaseSilCuttingTransform, BaseSilTransform
from gait_plugins.plugins.zoo.transforms.warp import RandomAffine, RandomPerspective, RandomRotate


def clip(shape: tuple[int, ...], seed: int = 0, binary: bool = False) -> np.ndarray:
    """Random bytes: all grey values, or black and white."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, shape).astype(np.uint8)
    return np.where(frames > 127, 255, 0).astype(np.uint8) if binary else frames


@settings(max_examples=40, deadline=None)
@given(
    lead=st.one_of(st.tuples(st.integers(1, 300)), st.tuples(st.integers(1, 40), st.integers(1, 4))),
    size=st.sampled_from([(64, 64), (64, 44), (3, 5), (32, 32)]),
    dtype=st.sampled_from(["uint8", "float32", "float64", "int16"]),
    every=st.integers(1, 2),
)
def test_frames_come_back_from_lanes_as_they_were(lead, size, dtype, every):
    frames = clip((*lead, *size)).astype(dtype)[..., ::every]
    lanes = Lanes(frames)
    assert lanes.shape == frames.shape
    assert all(image.shape[2] % 16 == 0 and image.shape[2] <= 128 for image in lanes.images)
    back = lanes.frames()
    np.testing.assert_array_equal(back, frames)
    assert back.dtype == frames.dtype
    assert back.flags.c_contiguous


@pytest.mark.parametrize("size", [(64, 64), (64, 44), (128, 88), (31, 33)])
@pytest.mark.parametrize("binary", [True, False])
def test_a_blended_warp_gives_the_bytes_of_opencv_to_the_bit(size, binary):
    height, width = size
    for seed in range(25):
        rng = np.random.default_rng(seed)
        frames = clip((16, *size), seed, binary)
        (image,) = Lanes(frames).images
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        # Whole pixels, as transforms draw them: places half-way between two pixels are common then.
        moved = corners + rng.integers(0, 7, (4, 2)).astype(np.float32)
        homography = cv2.getPerspectiveTransform(moved, corners)
        turned = cv2.getRotationMatrix2D((height // 2, width // 2), rng.uniform(-10, 10), 1)
        shifted = np.float64([[1, 0, rng.integers(-8, 9) / 2], [0, 1, rng.integers(-8, 9) / 2]])
        for move, matrix in (
            (cv2.warpPerspective, homography),
            (cv2.warpAffine, turned),
            (cv2.warpAffine, shifted),
        ):
            lanes = Lanes(frames)
            lanes.warp(matrix, labels=False)
            (found,) = lanes.images
            np.testing.assert_array_equal(found, move(image, matrix, (width, height)))


def test_other_numbers_than_bytes_are_warped_as_they_are():
    frames = clip((16, 64, 44)).astype(np.float64) / 7
    matrix = cv2.getRotationMatrix2D((32, 22), 5, 1)
    lanes = Lanes(frames)
    (image,) = lanes.images
    lanes.warp(matrix, labels=False)
    np.testing.assert_array_equal(lanes.images[0], cv2.warpAffine(image, matrix, (44, 64)))


CHAINS = {
    "published": lambda prob: [
        RandomPerspective(prob),
        BaseSilCuttingTransform(),
        RandomHorizontalFlip(prob),
        RandomRotate(prob),
    ],
    "with others": lambda prob: [
        RandomAffine(prob),
        RandomErasing(prob),
        RandomPerspective(prob),
        NoOperation(),
        RandomRotate(prob),
        BaseSilTransform(),
        RandomHorizontalFlip(prob),
    ],
    "of labels": lambda prob: [
        RandomPerspective(prob, labels=True),
        RandomHorizontalFlip(prob, sides=[[3, 4]]),
        RandomRotate(prob, labels=True),
        BaseSilCuttingTransform(divsor=1),
    ],
    "reshaped": lambda prob: [
        RandomRotate(prob),
        BaseSilTransform(img_shape=[2, 32, 64]),
        RandomRotate(prob),
    ],
}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("frames", [(30, 64, 64), (1, 64, 64), (150, 64, 64), (7, 128, 128)])
@pytest.mark.parametrize("prob", [0.4, 1.0])
def test_transforms_in_a_row_do_what_each_does_alone(chain, frames, prob):
    if chain == "reshaped" and frames[1:] != (64, 64):
        frames = (7, 64, 64)
    transforms = CHAINS[chain](prob)
    for seed in range(6):
        given = clip(frames, seed)
        given.flags.writeable = False
        together, alone = np.random.default_rng(seed), np.random.default_rng(seed)
        expected = given
        for transform in transforms:
            expected = transform(expected, alone)
        np.testing.assert_array_equal(Compose(transforms)(given, together), expected)
        assert together.random() == alone.random()


def test_a_clip_without_frames_stays_one():
    for chain in ("published", "with others"):
        found = Compose(CHAINS[chain](1.0))(clip((0, 64, 64)), np.random.default_rng(0))
        assert found.shape == (0, 64, 44 if chain == "published" else 64)


def test_channels_stay_apart_in_a_row():
    frames = clip((9, 3, 64, 64))
    compose = Compose(CHAINS["published"](1.0))
    whole = compose(frames, np.random.default_rng(2))
    assert whole.shape == (9, 3, 64, 44)
    np.testing.assert_array_equal(whole[:, 1], compose(frames[:, 1], np.random.default_rng(2)))


def test_a_transform_of_another_class_gets_frames_and_tells_what_it_knows():
    seen = []

    class Watching(RandomRotate):
        def apply(self, sequence, rng):
            seen.append((type(sequence), sequence.shape, sequence.flags.c_contiguous))
            return sequence

        def with_targets(self, sequence, rng):
            return self(sequence, rng), {"frames": len(sequence)}

    steps: list[Transform] = [RandomPerspective(1), Watching(1), RandomRotate(1)]
    frames, known = in_a_row(steps, clip((5, 64, 44)), np.random.default_rng(1))
    assert seen == [(np.ndarray, (5, 64, 44), True)]
    assert known == [{"frames": 5}]
    assert frames.shape == (5, 64, 44)


def test_frames_go_into_lanes_once_for_transforms_in_a_row(monkeypatch):
    turned = []
    real = cv2.transpose
    monkeypatch.setattr(cv2, "transpose", lambda *given: turned.append(1) or real(*given))
    Compose(CHAINS["published"](1.0))(clip((30, 64, 64)), np.random.default_rng(0))
    assert len(turned) == 2
    turned.clear()
    Compose(CHAINS["published"](0.0))(clip((30, 64, 64)), np.random.default_rng(0))
    assert not turned


def test_flips_in_lanes_and_out_of_them_are_the_same():
    frames = clip((33, 64, 44))
    for start, step in itertools.product((0, 3), (1, -1)):
        view = frames[::step, :, start:]
        flipped = RandomHorizontalFlip(1)(view, np.random.default_rng(0))
        np.testing.assert_array_equal(flipped, view[..., ::-1])
        assert flipped.flags.c_contiguous
        flip = RandomHorizontalFlip(1).in_lanes(Lanes(view), np.random.default_rng(0))
        assert isinstance(flip, Lanes)
        np.testing.assert_array_equal(flip.frames(), view[..., ::-1])
