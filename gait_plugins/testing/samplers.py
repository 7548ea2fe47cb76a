"""Contract checks of samplers."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np

from gait_plugins.api import BatchSampler, FrameSampler, SequenceIndex, SequenceRef
from gait_plugins.testing.expect import expect, global_random_states_untouched, made

LENGTHS = (1, 2, 7, 30, 41, 300)
DRAWS = 6


def check_frame_sampler(make: FrameSampler | Callable[[], FrameSampler]) -> None:
    """Range, number and purity of the frames that a sampler picks from short and long sequences.

    What takes its place in a test (``at_test``) is looked at too.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    sampler = made(make, FrameSampler)  # type: ignore[type-abstract]
    _check_frames_of(sampler)
    at_test = sampler.at_test()
    if at_test is not sampler:
        _check_frames_of(at_test)
    expect(
        at_test.fixed_length == sampler.fixed_length,
        f"fixed_length is {sampler.fixed_length} in training and {at_test.fixed_length} in a test",
    )


def _check_frames_of(sampler: FrameSampler) -> None:
    in_worker = pickle.loads(pickle.dumps(sampler))
    counts = set()
    for length in LENGTHS:
        for seed in range(DRAWS):
            with global_random_states_untouched():
                found = sampler.indices(length, np.random.default_rng(seed))
            again = in_worker.indices(length, np.random.default_rng(seed))
            expect(np.array_equal(found, again), "equal rng gives unequal indices")
            expect(
                found.dtype == np.int64 and found.ndim == 1 and found.size > 0,
                f"indices have dtype {found.dtype} and shape {found.shape}, expected int64 [s] with s >= 1",
            )
            inside = found.min() >= 0 and found.max() < length
            expect(bool(inside), f"indices are outside a sequence of {length} frames")
            counts.add(len(found))
    fixed = len(counts) == 1 or not sampler.fixed_length
    expect(fixed, f"fixed_length is true, but sequences give {sorted(counts)} frames, expected one number")


def check_batch_sampler(
    make: BatchSampler | Callable[[], BatchSampler], identities: int = 20, each: int = 5
) -> None:
    """Range, number and purity of the sequences that a sampler picks.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.
            It picks from its ``example_index``, or else from ``identities * each`` made-up sequences.
        identities: number of made-up identities.
        each: sequences of each.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    sampler = made(make, BatchSampler)  # type: ignore[type-abstract]
    index = sampler.example_index() or SequenceIndex(
        [
            SequenceRef(f"{identity:03d}", f"nm-{walk:02d}", "090", None)
            for identity in range(identities)
            for walk in range(each)
        ]
    )
    sampler.check(index)
    total = sampler.num_batches(index)
    expect(total is None or total > 0, f"num_batches is {total}, expected None or 1 or more")
    for number in range(DRAWS if total is None else total):
        with global_random_states_untouched():
            found = list(sampler.batch(index, number, np.random.default_rng(number)))
        again = list(sampler.batch(index, number, np.random.default_rng(number)))
        expect(found == again, f"batch {number} differs when it is drawn again with equal rng")
        inside = all(0 <= position < len(index) for position in found)
        expect(inside, f"batch {number} names sequences that are not in the index")
        full = len(found) == sampler.batch_size
        last = total is not None and number == total - 1 and 0 < len(found) <= sampler.batch_size
        expect(
            full or last, f"batch {number} holds {len(found)} sequences, batch_size is {sampler.batch_size}"
        )
