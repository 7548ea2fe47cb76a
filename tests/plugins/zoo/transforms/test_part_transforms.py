"""Dilation and blur of a band of the body, and GaitSSB's augmentation of them."""

from __future__ import annotations

import numpy as np
import pytest

import gait_plugins
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.transforms.body_bands import (
    GaitSSBAugmentation,
    RandomPartBlur,
    RandomPartDilate,
)


def walk(frames: int = 5, height: int = 64, width: int = 44) -> np.ndarray:
    sequence = np.zeros((frames, height, width), np.uint8)
    sequence[:, 5:60, 15:29] = 255
    for number, frame in enumerate(sequence):
        frame[30:40, 20:22] = 0  # between the arms
        frame[45, 10 + number % 4] = 255  # a speck
    return sequence


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(12))
def test_dilation_grows_the_person_by_a_pixel_or_two_within_its_band(seed: int) -> None:
    before = walk()
    after = RandomPartDilate(1, (12, 16), (36, 40))(before, rng(seed))
    assert (after >= before).all()
    changed = np.flatnonzero((after != before).any((0, 2)))
    assert changed.min() >= 12
    assert changed.max() < 40
    columns = np.flatnonzero(after[0, 16:36].any(0))
    assert {15 - columns.min(), columns.max() - 28} <= {1, 2}


@pytest.mark.parametrize("seed", range(6))
def test_blur_drops_specks_and_stays_black_and_white(seed: int) -> None:
    before = walk()
    blur = RandomPartBlur(1, (9, 20), (50, 55))
    after = blur(before, rng(seed))
    assert set(np.unique(after)) == {0, 255}
    # A lone pixel weighs 4 sixteenths at its own place, 2 beside it: more than a fifth, and less.
    assert [np.flatnonzero(frame[45, :14]).tolist() for frame in after[:4]] == [[10], [11], [12], [13]]
    assert np.array_equal(after[:, :9], before[:, :9])
    scaled = blur(before.astype(np.float32) / 255, rng(seed))
    assert scaled.dtype == np.float32
    assert np.array_equal(scaled, after / 255)


def test_frames_by_themselves_get_bands_of_their_own() -> None:
    noise = rng(0).integers(0, 2, (40, 64, 44)).astype(np.uint8) * 255
    blur = RandomPartBlur(0.5, (9, 20), (29, 40), per_frame=True)
    changed = [(after != before).any(1) for after, before in zip(blur(noise, rng(1)), noise, strict=True)]
    rows = {tuple(np.flatnonzero(frame)[[0, -1]]) if frame.any() else None for frame in changed}
    assert None in rows
    assert len(rows) > 5


def test_colour_frames_and_long_sequences_are_taken() -> None:
    stacked = np.repeat(walk(150)[:, None], 3, 1)
    for transform in (RandomPartDilate(1), RandomPartBlur(1)):
        found = transform(stacked, rng(3))
        assert found.shape == stacked.shape
        assert np.array_equal(found[:, 0], transform(walk(150), rng(3)))
        assert np.array_equal(found[:, 0], found[:, 2])


def test_probabilities_of_one_and_zero() -> None:
    off = dict.fromkeys(("ra_prob", "rp_prob", "rhf_prob", "rpd_prob", "rpb_prob"), 0.0)
    nothing = GaitSSBAugmentation(cutting=0, **off)
    assert np.array_equal(nothing(walk(), rng(0)), walk())
    assert nothing.divisor == 255
    flip = GaitSSBAugmentation(cutting=0, **{**off, "rhf_prob": 1.0})
    assert np.array_equal(flip(walk(), rng(0)), walk()[..., ::-1])


def test_uncut_silhouettes_are_cut_and_cut_ones_left() -> None:
    augment = gait_plugins.build("transform", {"type": "DA4GaitSSB"})
    assert augment(walk(width=64), rng(0)).shape == (5, 64, 44)
    assert augment(walk(), rng(0)).shape == (5, 64, 44)


def test_bands_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"top_range \[9, 30\] does not end before bot_range \[30, 40\]"):
        RandomPartBlur(0.5, (9, 30), (30, 40))
    with pytest.raises(DataError, match="frames of 16x11 have no row 20"):
        RandomPartBlur(1)(walk()[:, :16, :11], rng(0))
