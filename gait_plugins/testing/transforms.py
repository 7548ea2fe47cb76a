"""Contract checks of transforms."""

from __future__ import annotations

import pickle

import numpy as np

from gait_plugins.api import Transform
from gait_plugins.testing.expect import expect, global_random_states_untouched


def check_transform(transform: Transform, frame_shape: tuple[int, ...] = (64, 44), draws: int = 8) -> None:
    """Purity, shape and range of a transform.

    Args:
        transform: the transform.
        frame_shape: ``[h, w]`` or ``[c, h, w]`` of one uint8 frame.
        draws: how often random decisions are tried.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    expect(transform.divisor > 0, f"divisor is {transform.divisor}, expected a positive number")
    sequence = np.zeros((5, *frame_shape), np.uint8)
    sequence[..., 10:50, 12:30] = 255
    kept = sequence.copy()
    in_worker = pickle.loads(pickle.dumps(transform))
    for seed in range(draws):
        with global_random_states_untouched():
            found = transform(sequence, np.random.default_rng(seed))
        again = in_worker(sequence, np.random.default_rng(seed))
        expect(np.array_equal(sequence, kept), "the transform changes its input")
        expect(found.dtype == again.dtype and np.array_equal(found, again), "equal rng gives unequal frames")
        expect(
            len(found) == len(sequence) and found.ndim in (3, 4),
            f"the transform turns {sequence.shape} into {found.shape}, expected as many frames, "
            "[t, h, w] or [t, c, h, w]",
        )
        expect(
            found.dtype in (np.uint8, np.float32),
            f"frames have dtype {found.dtype}, expected uint8 or float32",
        )
        expect(bool(np.isfinite(found).all()), "frames are not finite")
