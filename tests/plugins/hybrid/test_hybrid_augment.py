"""SimCLR's augmentations of silhouettes: one draw a sequence, seeded, the input untouched."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.golden_rules import sil

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.hybrid.augment import RandomGaussianBlur, RandomResizedCrop


def walk(frames: int = 6, height: int = 64, width: int = 44) -> np.ndarray:
    return (sil(1, frames, height, width)[0].numpy() * 255).astype(np.uint8)


@pytest.mark.parametrize("transform", [RandomResizedCrop(), RandomGaussianBlur(prob=1)])
@pytest.mark.parametrize("shape", [(5, 64, 44), (5, 3, 64, 44), (700, 16, 11), (1, 128, 88)])
def test_shape_and_dtype_are_kept_and_the_input_is_not_touched(transform, shape) -> None:
    sequence = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    before = sequence.copy()
    found = transform(sequence, np.random.default_rng(1))
    assert (found.shape, found.dtype) == (sequence.shape, np.uint8)
    assert np.array_equal(sequence, before)
    assert not np.array_equal(found, before)


@pytest.mark.parametrize("transform", [RandomResizedCrop(), RandomGaussianBlur(prob=1)])
def test_all_frames_get_the_same_draw(transform) -> None:
    frame = walk(1)
    together = transform(frame.repeat(600, 0), np.random.default_rng(3))
    assert (together == together[:1]).all()


@pytest.mark.parametrize("transform", [RandomResizedCrop(), RandomGaussianBlur(prob=1)])
def test_the_generator_alone_decides(transform) -> None:
    first, again, other = (transform(walk(), np.random.default_rng(seed)) for seed in (5, 5, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_crops_keep_to_area_and_ratio() -> None:
    crop, rng = RandomResizedCrop((0.5, 1.0)), np.random.default_rng(0)
    found = np.array([crop._rectangle(64, 64, rng) for _ in range(2000)])
    top, left, high, wide = found.T
    share, ratio = high * wide / 64**2, wide / high
    assert (share > 0.48).all()
    assert (share <= 1).all()
    assert (ratio > 0.72).all()
    assert (ratio < 1.4).all()
    assert (top + high <= 64).all()
    assert (left + wide <= 64).all()
    assert share.std() > 0.08
    assert np.corrcoef(top / np.maximum(64 - high, 1), left)[0, 1] < 0.2


def test_a_whole_frame_is_itself() -> None:
    crop = RandomResizedCrop((1.0, 1.0), (1.0, 1.0))
    square = walk(3, 64, 64)
    assert np.array_equal(crop(square, np.random.default_rng(0)), square)


def test_a_crop_is_the_resized_rectangle() -> None:
    crop, sequence = RandomResizedCrop(), walk(3, 64, 64)
    rng = np.random.default_rng(9)
    rng.random()
    top, left, high, wide = crop._rectangle(64, 64, rng)
    expected = [cv2.resize(f[top : top + high, left : left + wide], (64, 64)) for f in sequence]
    assert np.abs(crop(sequence, np.random.default_rng(9)).astype(int) - np.stack(expected)).max() <= 1


def test_blur_of_a_constant_changes_nothing_and_never_acts_at_probability_zero() -> None:
    constant = np.full((2, 20, 20), 255, np.uint8)
    assert np.array_equal(RandomGaussianBlur(prob=1)(constant, np.random.default_rng(0)), constant)
    assert RandomGaussianBlur(prob=0)(walk(), np.random.default_rng(0)) is not None
    assert np.array_equal(RandomGaussianBlur(prob=0)(walk(), np.random.default_rng(0)), walk())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: RandomResizedCrop(scale=(0.5, 2)),
            r"is \[0.5, 2\], expected \[lowest, highest\] within 0.001",
        ),
        (lambda: RandomResizedCrop(ratio=(2, 1)), r"ratio of .* is \[2, 1\]"),
        (lambda: RandomGaussianBlur(kernel_size=4), "kernel_size is 4, expected an odd"),
        (lambda: RandomGaussianBlur(prob=2), "prob of RandomGaussianBlur is 2"),
    ],
)
def test_options_out_of_range_are_refused(make, words) -> None:
    with pytest.raises(ConfigError, match=words):
        make()
