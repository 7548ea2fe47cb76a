"""Alignment of masks: the rule that data sets in use are prepared with, and what may be handed in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.files.mask_files import mask
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins.errors import DataError
from gait_plugins.prepare import align_mask, align_masks, grey_mask
from gait_plugins.prepare.align import resize_mask


def by_the_words(picture: np.ndarray, size: int) -> np.ndarray | None:
    """The rule as it is told, pixel by pixel."""
    if int(picture.sum(dtype=np.int64)) <= 10_000:
        return None
    rows = [row for row in range(len(picture)) if picture[row].any()]
    person = picture[rows[0] : rows[-1] + 1]
    columns = int(size * (person.shape[1] / person.shape[0]))
    person = cv2.resize(person, (columns, size), interpolation=cv2.INTER_CUBIC)
    total, mass, centre = int(person.sum(dtype=np.int64)), 0, 0
    for column in range(columns):
        mass += int(person[:, column].sum(dtype=np.int64))
        if 2 * mass > total:
            centre = column
            break
    result = np.zeros((size, size), np.uint8)
    for place in range(size):
        column = centre - size // 2 + place
        if 0 <= column < columns:
            result[:, place] = person[:, column]
    return result


@settings(max_examples=60, deadline=None)
@given(
    size=st.sampled_from([64, 128]),
    shape=st.tuples(st.integers(70, 250), st.integers(40, 330)),
    place=st.tuples(st.floats(0, 1), st.floats(0.2, 0.8)),
    axes=st.tuples(st.integers(2, 60), st.integers(5, 110)),
    soft=st.booleans(),
)
def test_every_frame_is_aligned_by_the_rule(size, shape, place, axes, soft):
    height, width = shape
    picture = np.zeros(shape, np.uint8)
    cv2.ellipse(picture, (int(place[0] * width), int(place[1] * height)), axes, 10, 0, 360, 255, -1)
    if soft:
        picture = cv2.GaussianBlur(picture, (5, 5), 0)
    expected = by_the_words(picture, size)
    found = align_mask(picture, size)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)


def test_39_white_pixels_are_nobody_and_40_are_somebody():
    picture = np.zeros((100, 100), np.uint8)
    picture[30, :39] = 255
    assert align_mask(picture) is None
    picture[31:70, 20] = 255
    assert align_mask(picture) is not None


def test_a_person_at_the_edge_is_centred_with_zeros_beside():
    picture = np.zeros((128, 200), np.uint8)
    picture[:, :20] = 255
    aligned = align_mask(picture)
    assert aligned is not None
    np.testing.assert_array_equal(np.flatnonzero(aligned.any(0)), np.arange(27, 37))


def test_a_mask_too_thin_to_keep_a_column_is_left_out():
    assert align_mask(np.full((500, 2), 255, np.uint8)) is None


def test_aligned_images_are_only_resized():
    picture = np.zeros((64, 64), np.uint8)
    picture[10:50, 5:15] = 255
    assert resize_mask(picture, 64) is picture
    bigger = resize_mask(picture, 128)
    assert bigger is not None
    assert bigger[20:100, 10:30].min() > 100
    assert not bigger[:, 60:].any()
    assert resize_mask(np.zeros((64, 64), np.uint8), 64) is None


@pytest.mark.parametrize("kind", ["bool", "0 and 1", "float", "int64"])
def test_masks_of_any_segmenter_give_the_same_silhouettes(kind):
    pictures = [mask(number) for number in range(4)]
    given_masks = {
        "bool": [p > 0 for p in pictures],
        "0 and 1": [p // 255 for p in pictures],
        "float": [p / 255 for p in pictures],
        "int64": [p.astype(np.int64) for p in pictures],
    }[kind]
    np.testing.assert_array_equal(align_masks(given_masks), align_masks(pictures))


def test_frames_without_a_person_are_left_out_of_a_walk():
    pictures = [mask(0), np.zeros((90, 90), bool), mask(1)]
    assert align_masks(pictures).shape == (2, 64, 64)
    assert align_masks([np.zeros((90, 90), bool)]).shape == (0, 64, 64)


def test_soft_masks_may_be_binarised_first():
    soft = cv2.GaussianBlur(mask(0), (9, 9), 0)
    noisy = np.maximum(soft, 3)  # a compressed film's black
    assert align_mask(noisy) is not None
    clean = align_masks([noisy], threshold=127)
    np.testing.assert_array_equal(clean, align_masks([(soft > 127) * 255]))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (np.zeros((4, 4, 3), np.uint8), r"shape \[4, 4, 3\]"),
        (np.full((4, 4), -1.0), "values from -1"),
        (np.full((4, 4), np.nan), "values from nan"),
        (np.full((4, 4), 256), "to 256"),
        (np.zeros((0, 4), np.uint8), r"shape \[0, 4\]"),
        (np.full((4, 4), "x"), "dtype"),
    ],
)
def test_what_is_no_mask_is_refused(wrong, told):
    with pytest.raises(DataError, match=told) as caught:
        grey_mask(wrong)
    assert "labels == person" in str(caught.value)


def test_masks_on_white_are_refused():
    masks = np.full((3, 90, 60), 255, np.uint8)
    masks[:, 10:80, 20:40] = 0
    with pytest.raises(DataError, match="3 of 3 masks have a white background"):
        align_masks(masks)


@pytest.mark.parametrize(("last", "empty"), [(55, True), (56, False)])
def test_a_grey_sum_of_10000_is_nobody_and_one_more_is_somebody(last, empty):
    picture = np.zeros((90, 60), np.uint8)
    picture[20:59, 30] = 255
    picture[59, 30] = last  # 39 * 255 + 55 = 10000
    for shape in (align_mask, resize_mask):
        assert (shape(picture) is None) == empty
