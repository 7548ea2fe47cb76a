"""Contract checks of transforms."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gait_plugins.api import JointTransform, Ragged, Stream, Transform
from gait_plugins.errors import DataError
from gait_plugins.testing.expect import expect, global_random_states_untouched, made
from gait_plugins.testing.streams import example_frames


def check_transform(
    make: Transform | Callable[[], Transform],
    frame_shape: tuple[int, ...] = (64, 44),
    draws: int = 8,
    stream: Stream | None = None,
) -> None:
    """Purity, shape and range of a transform.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.
        frame_shape: ``[h, w]`` or ``[c, h, w]`` of one uint8 frame.
        draws: how often random decisions are tried.
        stream: frames of this stream in place of silhouettes, its ``example_stream`` as a rule; what comes
            out is compared with what ``becomes`` says.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    transform = made(make, Transform)  # type: ignore[type-abstract]
    expect(transform.divisor > 0, f"divisor is {transform.divisor}, expected a positive number")
    stream = transform.example_stream() if stream is None else stream
    sequence: Any = np.zeros((5, *frame_shape), np.uint8)
    if stream is None:
        sequence[..., 10:50, 12:30] = 255
    else:
        sequence = example_frames(stream, 5, np.random.default_rng(0))
    kept = copy.deepcopy(sequence)
    in_worker = pickle.loads(pickle.dumps(transform))
    said = None if stream is None else transform.becomes(stream)
    for seed in range(draws):
        with global_random_states_untouched():
            found = transform(sequence, np.random.default_rng(seed))
        expect(equal_frames(sequence, kept), "the transform changes its input")
        again = in_worker(sequence, np.random.default_rng(seed))
        expect(found.dtype == again.dtype and equal_frames(found, again), "equal rng gives unequal frames")
        if stream is None:
            _check_pictures(sequence, found, transform.copies)
        elif said is not None:
            check_said(type(transform).__name__, said, found)


def check_joint_transform(
    make: JointTransform | Callable[[], JointTransform],
    streams: Sequence[Stream] | None = None,
    draws: int = 8,
    frames: int = 5,
) -> None:
    """Purity of a transform of several streams, and one decision for all of them.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.
        streams: those of its ``streams``, as a data set would declare them; None: its ``example_streams``.
        draws: how often random decisions are tried.
        frames: of each stream.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    transform = made(make, JointTransform)  # type: ignore[type-abstract]
    declared = {stream.name: stream for stream in streams or transform.example_streams()}
    absent = [name for name in transform.streams if name not in declared]
    expect(not absent, f"it changes {absent}: give check_joint_transform these streams")
    clips = {
        name: example_frames(declared[name], frames, np.random.default_rng(1)) for name in transform.streams
    }
    kept = copy.deepcopy(clips)
    in_worker = pickle.loads(pickle.dumps(transform))
    wrong = {name: value for name, value in transform.divisors.items() if not value > 0}
    expect(not wrong, f"divisors are {wrong}, expected positive numbers")
    said = transform.becomes(declared)
    together: set[frozenset[str]] = set()
    for seed in range(draws):
        with global_random_states_untouched():
            found = dict(transform(clips, np.random.default_rng(seed)))
        expect(all(equal_frames(clips[n], kept[n]) for n in clips), "the transform changes its input")
        again = dict(in_worker(clips, np.random.default_rng(seed)))
        expect(
            found.keys() <= clips.keys(),
            f"it returns {sorted(found.keys() - clips.keys())}, which it was not given",
        )
        same = found.keys() == again.keys() and all(equal_frames(found[n], again[n]) for n in found)
        expect(same, "equal rng gives unequal frames")
        for name in found:
            check_said(type(transform).__name__, said.get(name, declared[name]), found[name])
        together.add(frozenset(name for name in found if not equal_frames(found[name], clips[name])))
    changed = sorted((names for names in together if names), key=len)
    expect(
        len(changed) <= 1,
        "the transform changes its streams by different draws: in some sequences "
        f"{', '.join(sorted(changed[0])) if changed else 'none'} alone",
    )


def check_said(owner: str, said: Stream, found: Any) -> None:
    """See that frames are what ``becomes`` says."""
    try:
        checked = said.checked(found, owner)
    except DataError as error:
        raise AssertionError(f"{owner} does not give what becomes() says: {error.message}") from error
    expect(checked is found, f"{owner} gives {found.dtype}, becomes() says {said.dtype}")


def equal_frames(a: Any, b: Any) -> bool:
    """True for the same frames, ragged or not."""
    if isinstance(a, Ragged) and isinstance(b, Ragged):
        return np.array_equal(a.values, b.values) and np.array_equal(a.offsets, b.offsets)
    return bool(np.array_equal(a, b))


def _check_pictures(sequence: np.ndarray, found: np.ndarray, copies: int) -> None:
    expect(
        len(found) == copies * len(sequence) and found.ndim in (3, 4),
        f"the transform turns {sequence.shape} into {found.shape}, expected "
        f"{'as many frames' if copies == 1 else f'{copies} times as many frames (its copies)'}, "
        "[t, h, w] or [t, c, h, w]",
    )
    expect(
        found.dtype in (np.uint8, np.float32),
        f"frames have dtype {found.dtype}, expected uint8 or float32",
    )
    expect(bool(np.isfinite(found).all()), "frames are not finite")
