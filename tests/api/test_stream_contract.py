"""Streams: frames are what was declared, or an error says in words what they are."""

from __future__ import annotations

import numpy as np
import pytest

from gait_plugins import SILHOUETTES, ConfigError, DataError, Ragged, Stream

JOINTS = Stream("keypoints", (17, 3), "float32", low=0, high=640)
POINTS = Stream("points", (None, 3), "float32")
LABELS = Stream("parsing", ("h", "w"), "uint8", 0, 11)
SQUARE = Stream("maps", ("n", "n"), "uint8")
NUMBERS = Stream("numbers", (2,), "int64")


def test_frames_that_fit_pass_as_they_are():
    joints = np.ones((5, 17, 3), np.float32)
    assert JOINTS.checked(joints, "a") is joints
    cloud = Ragged.of([np.ones((2, 3), np.float32)])
    assert POINTS.checked(cloud, "a") is cloud


def test_frames_are_brought_to_the_declared_dtype_where_nothing_is_lost():
    assert JOINTS.checked(np.ones((5, 17, 3)), "a").dtype == np.float32
    assert NUMBERS.checked(np.full((2, 2), 3, np.uint8), "a").dtype == np.int64


@pytest.mark.parametrize(
    ("stream", "frames", "words"),
    [
        (JOINTS, np.ones((5, 18, 3), np.float32), r"frames of shape \[18, 3\], expected \[17, 3\]"),
        (JOINTS, np.ones((5, 17), np.float32), r"frames of shape \[17\]"),
        (JOINTS, np.full((5, 17, 3), 700.0), "values from 700 to 700"),
        (JOINTS, np.full((5, 17, 3), np.nan), "255 values that are NaN or infinite"),
        (JOINTS, np.ones((0, 17, 3)), "no frame"),
        (JOINTS, np.full((1, 17, 3), "x"), "dtype <U1"),
        (NUMBERS, np.full((1, 2), 0.5), "float64 values that int64 cannot hold"),
        (LABELS, np.full((1, 4, 4), 12, np.uint8), "values from 12 to 12"),
        (SQUARE, np.zeros((1, 4, 5), np.uint8), r"frames of shape \[4, 5\], expected \[n, n\]"),
        (POINTS, np.ones((5, 4, 3), np.float32), r"shape \[5, 4, 3\], expected \[m, 3\]"),
        (POINTS, Ragged.of([np.ones((2, 4), np.float32)]), r"frames of shape \[2, 4\]"),
        (
            POINTS,
            Ragged.of([np.ones((2, 3)), np.ones((0, 3))]),
            "1 of 2 frames .* are empty, the first is frame 1",
        ),
        (SILHOUETTES, Ragged.of([np.ones((2, 3))]), "frames of unequal size"),
    ],
)
def test_other_frames_are_refused_in_words(stream: Stream, frames: object, words: str):
    with pytest.raises(DataError, match=words) as caught:
        stream.checked(frames, "walk-7")  # type: ignore[arg-type]
    assert stream.name in caught.value.message
    assert caught.value.where == "walk-7"


def test_no_value_is_lost_in_the_declared_dtype():
    small = Stream("a", (1,), "float32")
    for lost in (np.array([[1e300]]), np.array([[2**24 + 1]])):
        with pytest.raises(DataError, match="values that float32 cannot hold"):
            small.checked(lost, "a")
    assert small.checked(np.array([[0.1]]), "a").dtype == np.float32


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"clock": float("nan")}, "the clock nan"),
        ({"clock": 0}, "the clock 0"),
        ({"clock": -5.0}, "the clock -5.0"),
        ({"shape": (0, 3)}, r"frame shape \[0, 3\]"),
        ({"dtype": "complex64"}, "dtype 'complex64'"),
        ({"dtype": "pixels"}, "dtype 'pixels'"),
        ({"low": 5, "high": 1}, "values from 5 to 1"),
    ],
)
def test_impossible_declarations_are_refused(fields: dict[str, object], words: str):
    with pytest.raises(ConfigError, match=words):
        Stream("odd", **{"shape": (1,), **fields})  # type: ignore[arg-type]


def test_only_the_first_axis_may_be_ragged():
    with pytest.raises(ConfigError, match="only the first axis"):
        Stream("odd", (3, None))


def test_masks_of_zero_and_one_are_silhouettes_and_grey_ones_stay():
    mask = np.eye(4, dtype=np.uint8)[None]
    converted, note = SILHOUETTES.converted(mask)
    assert np.array_equal(converted, mask * 255)
    assert note is not None
    grey = np.full((1, 2, 2), 7, np.uint8)
    assert SILHOUETTES.converted(grey) == (grey, None)


@pytest.mark.parametrize(
    ("wanted", "given", "words"),
    [
        (JOINTS, JOINTS, None),
        (LABELS, Stream("parsing", (64, 44)), None),
        (JOINTS, Stream("keypoints", (18, 3), "float32"), "frames [18, 3], expected [17, 3]"),
        (JOINTS, Stream("keypoints", (None, 3), "float32"), "frames [m, 3], expected [17, 3]"),
        (NUMBERS, Stream("numbers", (2,), "float32"), "dtype float32, expected int64"),
        (JOINTS, Stream("keypoints", (17, 3), "uint8"), None),
    ],
)
def test_what_is_wanted_and_what_is_given_are_compared(wanted: Stream, given: Stream, words: str | None):
    assert wanted.misfit(given) == words
