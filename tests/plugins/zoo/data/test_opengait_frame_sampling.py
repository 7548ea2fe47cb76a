"""OpenGait's ways of picking frames: what each promises, for every length of sequence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.data.frame_sampling import OpenGaitFrames

PUBLISHED = {"frames_num_fixed": 30, "frames_num_min": 25, "frames_num_max": 50, "frames_skip_num": 4}
KINDS = [f"{n}_{o}" for n in ("fixed", "unfixed", "all") for o in ("ordered", "unordered", "allordered")]


def picked(sample_type: str, length: int, seed: int = 0, **options: int) -> np.ndarray:
    return OpenGaitFrames(sample_type, **options).indices(length, np.random.default_rng(seed))


@pytest.mark.parametrize("sample_type", KINDS)
@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 120), seed=st.integers(0, 2**31))
def test_indices_lie_in_the_sequence_and_repeat_for_a_seed(sample_type, length, seed):
    frames = picked(sample_type, length, seed, **PUBLISHED)
    assert frames.dtype == np.int64
    assert frames.min() >= 0
    assert frames.max() < length
    np.testing.assert_array_equal(frames, picked(sample_type, length, seed, **PUBLISHED))
    fewest, most = {"fixed": (30, 30), "unfixed": (25, 50), "all": (length, length)}[
        sample_type.split("_")[0]
    ]
    assert fewest <= len(frames) <= most


@settings(max_examples=100, deadline=None)
@given(
    length=st.integers(1, 90), skip=st.integers(0, 9), count=st.integers(1, 40), seed=st.integers(0, 2**31)
)
def test_ordered_frames_come_from_one_window_of_the_repeated_sequence(length, skip, count, seed):
    frames = picked("fixed_ordered", length, seed, frames_num_fixed=count, frames_skip_num=skip)
    steps = np.diff(frames) % length if length > 1 else np.zeros(count - 1)
    # Each step goes forward; a step of a whole round shows as 0.
    rounds = np.where(steps == 0, length, steps)
    if length >= count + skip:
        assert (np.diff(frames) > 0).all()
        assert np.ptp(frames) < count + skip
    elif length > skip + 1:
        assert rounds.sum() < count + skip


def test_window_may_start_anywhere_and_no_further():
    starts = {picked("fixed_ordered", 12, seed, frames_num_fixed=8)[0] for seed in range(200)}
    assert starts == set(range(5))
    skipping = {
        tuple(picked("fixed_ordered", 6, s, frames_num_fixed=5, frames_skip_num=1)) for s in range(200)
    }
    assert skipping == {tuple(i for i in range(6) if i != left_out) for left_out in range(6)}


def test_short_sequence_is_repeated_end_to_end():
    # 3 frames for a window of 8: repeated to 9, so that the window starts at 0 or 1.
    drawn = {tuple(picked("fixed_ordered", 3, seed, frames_num_fixed=8)) for seed in range(60)}
    assert drawn == {(0, 1, 2, 0, 1, 2, 0, 1), (1, 2, 0, 1, 2, 0, 1, 2)}


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 90), seed=st.integers(0, 2**31))
def test_frames_repeat_only_where_the_sequence_is_too_short(length, seed):
    for order in ("unordered", "allordered"):
        frames = picked(f"fixed_{order}", length, seed)
        if length >= 30:
            assert len(set(frames)) == 30
        if order == "allordered":
            assert (np.diff(frames) >= 0).all()


def test_unordered_frames_are_in_no_order_and_spread_evenly():
    frames = np.array([picked("fixed_unordered", 40, seed) for seed in range(400)])
    assert not (np.diff(frames, axis=1) > 0).all(axis=1).any()
    assert np.bincount(frames.ravel(), minlength=40).min() > 230


def test_unfixed_numbers_reach_both_ends():
    sizes = {len(picked("unfixed_ordered", 60, s, frames_num_min=3, frames_num_max=5)) for s in range(60)}
    assert sizes == {3, 4, 5}


@pytest.mark.parametrize("order", ["ordered", "unordered", "allordered"])
def test_all_takes_the_sequence_as_it_is_up_to_the_limit(order):
    np.testing.assert_array_equal(picked(f"all_{order}", 9), np.arange(9))
    np.testing.assert_array_equal(picked(f"all_{order}", 9, frames_all_limit=4), np.arange(4))
    np.testing.assert_array_equal(picked(f"all_{order}", 9, frames_all_limit=720), np.arange(9))


def test_limit_is_for_whole_sequences_alone():
    assert len(picked("fixed_ordered", 40, frames_all_limit=4)) == 30


def test_only_fixed_samples_are_stacked():
    assert {kind: OpenGaitFrames(kind).fixed_length for kind in KINDS} == {
        kind: kind.startswith("fixed") for kind in KINDS
    }


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sample_type": "fixed"}, "sample_type is 'fixed'"),
        ({"sample_type": "some_ordered"}, "expected one of fixed_ordered"),
        ({"sample_type": "fixed_ordered", "frames_num_fixed": 0}, "fixed_ordered needs frames_num_fixed"),
        ({"sample_type": "fixed_ordered", "frames_num_fixed": None}, "fixed_ordered needs frames_num_fixed"),
        ({"sample_type": "fixed_ordered", "frames_skip_num": -1}, "fixed_ordered needs frames_skip_num"),
        ({"sample_type": "fixed_ordered", "frames_skip_num": True}, "needs frames_skip_num"),
        (
            {"sample_type": "unfixed_ordered", "frames_num_min": 9, "frames_num_max": 8},
            "frames_num_max, a whole number of at least 9",
        ),
        ({"sample_type": "unfixed_unordered", "frames_num_min": 0}, "needs frames_num_min"),
        ({"sample_type": "all_ordered", "frames_all_limit": 0}, "all_ordered needs frames_all_limit"),
    ],
)
def test_wrong_options_name_the_sample_type_and_the_option(options, named):
    with pytest.raises(ConfigError, match=named):
        OpenGaitFrames(**options)


def test_options_of_other_sample_types_are_not_looked_at():
    OpenGaitFrames("all_ordered", frames_num_fixed=0, frames_num_min=9, frames_num_max=1, frames_skip_num=-1)


def test_no_frames_are_an_error():
    with pytest.raises(DataError, match="0 frames"):
        picked("fixed_ordered", 0)
