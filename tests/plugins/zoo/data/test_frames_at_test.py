"""Frames of a test are picked by a rule; those of training as the published collation picks them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.golden_rules import golden

import gait_plugins
from gait_plugins.plugins.zoo.data.frame_sampling import OpenGaitFrames
from gait_plugins.testing import check_frame_sampler

KINDS = [f"{n}_{o}" for n in ("fixed", "unfixed", "all") for o in ("ordered", "unordered", "allordered")]


def at_test(sample_type: str, length: int, seed: int = 0, **options: Any) -> np.ndarray:
    sampler = OpenGaitFrames(sample_type, **options).at_test()
    return sampler.indices(length, np.random.default_rng(seed))


@pytest.mark.parametrize("sample_type", KINDS)
def test_nothing_is_drawn_in_a_test(sample_type: str) -> None:
    for length in (1, 7, 30, 100):
        found = [at_test(sample_type, length, seed) for seed in range(5)]
        assert all(np.array_equal(found[0], other) for other in found)
    check_frame_sampler(OpenGaitFrames(sample_type))


def test_random_at_test_draws_as_in_training() -> None:
    options = {"frames_num_fixed": 10, "random_at_test": True}
    assert len({int(at_test("fixed_ordered", 100, seed, **options)[0]) for seed in range(20)}) > 5


def test_the_clip_of_a_test_is_the_middle_one() -> None:
    np.testing.assert_array_equal(at_test("fixed_ordered", 11, frames_num_fixed=6), np.arange(2, 8))
    np.testing.assert_array_equal(at_test("fixed_ordered", 10, frames_num_fixed=6), np.arange(2, 8))
    np.testing.assert_array_equal(at_test("fixed_ordered", 6, frames_num_fixed=6), np.arange(6))


def test_the_middle_clip_of_the_sampler_is_that_of_the_transform() -> None:
    centre = gait_plugins.build("transform", {"type": "SelectSequenceCenter", "sequence_length": 6})
    for length in range(6, 40):
        frames = np.arange(length)
        found = at_test("fixed_ordered", length, frames_num_fixed=6)
        np.testing.assert_array_equal(centre(frames, np.random.default_rng(0)), found)


def test_a_sequence_shorter_than_the_clip_is_repeated_from_its_beginning() -> None:
    np.testing.assert_array_equal(at_test("fixed_ordered", 3, frames_num_fixed=7), [0, 1, 2, 0, 1, 2, 0])


def test_left_out_frames_are_evenly_spaced() -> None:
    found = at_test("fixed_ordered", 40, frames_num_fixed=10, frames_skip_num=10)
    np.testing.assert_array_equal(found, np.arange(11, 31, 2))


def test_frames_in_no_order_are_spread_over_the_whole_sequence() -> None:
    np.testing.assert_array_equal(at_test("fixed_unordered", 30, frames_num_fixed=3), [5, 15, 25])
    np.testing.assert_array_equal(at_test("fixed_allordered", 2, frames_num_fixed=4), [0, 0, 1, 1])


def test_of_an_unfixed_number_a_test_takes_the_largest() -> None:
    assert len(at_test("unfixed_ordered", 60, frames_num_min=3, frames_num_max=8)) == 8


class Recorded:
    """A generator whose next draws are known."""

    def __init__(self, start: int, picked: np.ndarray) -> None:
        self.start, self.picked = start, picked

    def integers(self, low: int, high: int) -> int:
        assert low <= self.start < high, f"the recorded start {self.start} is not in [{low}, {high})"
        return self.start

    def choice(self, of: int, count: int, replace: bool) -> np.ndarray:
        assert len(self.picked) == count
        assert self.picked.max() < of
        assert replace or len(set(self.picked)) == count
        return self.picked


@pytest.mark.parametrize(
    ("case", "count", "skip", "length"),
    [(f"fixed_ordered_60_skip0_len{n}", 60, 0, n) for n in (5, 20, 60, 64, 100)]
    + [(f"fixed_ordered_30_skip4_len{n}", 30, 4, n) for n in (5, 20, 34, 100)],
)
def test_ordered_clips_can_be_the_recorded_ones(case: str, count: int, skip: int, length: int) -> None:
    sampler = OpenGaitFrames("fixed_ordered", frames_num_fixed=count, frames_skip_num=skip)
    span = count + skip
    last = (length * -(-span // length) if length < span else length) - span
    for row in golden("pose/collate")[case].astype(np.int64):
        # The recorded frames on the repeated sequence, and a start of the window that holds them.
        rounds = np.concatenate([[0], np.cumsum(np.diff(row) <= 0)])
        along = row + rounds * length
        start = min(int(along[0]), last)
        assert along[-1] < start + span
        found = sampler.indices(length, Recorded(start, along - start))  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, row)


@pytest.mark.parametrize(("case", "length"), [("len5", 5), ("len30", 30), ("len50", 50)])
def test_unordered_frames_can_be_the_recorded_ones(case: str, length: int) -> None:
    sampler = OpenGaitFrames("fixed_unordered", frames_num_fixed=10)
    for row in golden("pose/collate")[f"fixed_unordered_10_{case}"].astype(np.int64):
        found = sampler.indices(length, Recorded(0, row))  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, row)


@pytest.mark.parametrize("length", [5, 50])
def test_allordered_frames_are_the_recorded_ones_brought_into_order(length: int) -> None:
    recorded = golden("pose/collate")[f"fixed_allordered_10_len{length}"].astype(np.int64)
    # Published, the word means nothing: they are the frames of fixed_unordered.
    np.testing.assert_array_equal(recorded, golden("pose/collate")[f"fixed_unordered_10_len{length}"])
    for row in recorded:
        sampler = OpenGaitFrames("fixed_allordered", frames_num_fixed=10)
        found = sampler.indices(length, Recorded(0, row))  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, np.sort(row))


def test_whole_sequences_are_cut_off_as_recorded() -> None:
    recorded = golden("pose/collate")
    sampler = OpenGaitFrames("all_ordered", frames_all_limit=8)
    found = [sampler.indices(length, np.random.default_rng(0)) for length in (5, 11)]
    np.testing.assert_array_equal([list(map(len, found))], recorded["all_ordered_limit8_seqL"])
    np.testing.assert_array_equal(np.concatenate(found), recorded["all_ordered_limit8_second_input"])
