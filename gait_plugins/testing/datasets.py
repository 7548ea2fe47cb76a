"""Contract checks of data sets."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Stream, Subset
from gait_plugins.errors import DataError
from gait_plugins.testing.expect import expect, global_random_states_untouched, made
from gait_plugins.testing.transforms import equal_frames


def check_dataset(make: GaitDataset | Callable[[], GaitDataset], loaded: int = 3) -> None:
    """Order, names, frames and purity of a data set.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.
            It has training and test sequences.
        loaded: how many sequences of each subset are read.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    dataset = made(make, GaitDataset)  # type: ignore[type-abstract]
    with global_random_states_untouched():
        listed = {subset: dataset.sequences(subset) for subset in get_args(Subset)}
    in_worker = pickle.loads(pickle.dumps(dataset))
    sources = set()
    for subset, refs in listed.items():
        expect(bool(refs), f"there is no {subset} sequence")
        expect(refs == dataset.sequences(subset), f"the {subset} sequences are listed differently each time")
        again = pickle.loads(pickle.dumps(dataset)).sequences(subset)
        expect(refs == again, f"another process lists different {subset} sequences")
        # Frames of one sequence share its name: the targets tell them apart.
        names = {(ref.name, repr(dataset.targets(ref))) for ref in refs}
        expect(len(names) == len(refs), f"several {subset} sequences have the same identity, type and view")
        for ref in refs[:: max(1, len(refs) // loaded)][:loaded]:
            sources.add(_check_frames(dataset, in_worker, ref))
    expect(
        len(sources) == 1, f"sequences have {sorted(sources)} input sources, expected the same number for all"
    )
    probes = dataset.probe_set()
    absent = (probes or frozenset()) - {ref.name for ref in listed["test"]}
    expect(not absent, f"the probes {sorted(absent)[:3]} are not test sequences")


def _check_frames(dataset: GaitDataset, in_worker: GaitDataset, ref: SequenceRef) -> int:
    with global_random_states_untouched():
        frames = dataset.load(ref)
        length = dataset.length(ref)
    expect(length == len(frames[0]), f"{ref.name} has {len(frames[0])} frames, but length returns {length}")
    streams = dataset.streams()
    if streams is None:
        _check_undeclared(ref, frames)
    else:
        _check_streams(dataset, streams, ref, frames)
    again = in_worker.load(pickle.loads(pickle.dumps(ref)))
    same = all(equal_frames(a, b) for a, b in zip(frames, again, strict=True))
    expect(same, f"{ref.name} loads differently in a worker process")
    return len(frames)


def _check_undeclared(ref: SequenceRef, frames: Sequence[Any]) -> None:
    equal = len({len(source) for source in frames}) == 1
    expect(equal, f"the input sources of {ref.name} have unequal lengths: declare them by streams()")
    for source in frames:
        expect(
            isinstance(source, np.ndarray) and source.ndim >= 3 and len(source) > 0,
            f"{ref.name} has shape {getattr(source, 'shape', source)}, expected [t, h, w] with t >= 1",
        )


def _check_streams(
    dataset: GaitDataset, streams: tuple[Stream, ...], ref: SequenceRef, frames: Sequence[Any]
) -> None:
    names = [stream.name for stream in streams]
    expect(len(set(names)) == len(names), f"several streams have one name: {names}")
    expect(
        len(frames) == len(streams),
        f"{ref.name} has {len(frames)} arrays, but {len(streams)} streams are declared",
    )
    for stream, source in zip(streams, frames, strict=True):
        try:
            checked = stream.checked(source, ref.name)
        except DataError as error:
            raise AssertionError(f"{ref.name}: {error.message}") from error
        expect(
            checked is source,
            f"the stream {stream.name!r} of {ref.name} has dtype {source.dtype}, declared is {stream.dtype}",
        )
    moments = dataset.times(ref)
    unknown = sorted(set(moments) - set(names))
    expect(not unknown, f"times are given for {unknown}, which are no streams")
    lengths = {stream.name: len(source) for stream, source in zip(streams, frames, strict=True)}
    for name, times in moments.items():
        rising = np.shape(times) == (lengths[name],) and bool((np.diff(times) >= 0).all())
        expect(rising, f"the times of {name!r} of {ref.name} are not one for each frame, rising")
    for stream in streams:
        leader = stream.clock
        if isinstance(leader, str) and stream.name not in moments:
            expect(
                leader in names, f"the stream {stream.name!r} is in step with {leader!r}, which is no stream"
            )
            expect(
                lengths[stream.name] == lengths[leader],
                f"{ref.name}: {stream.name!r} is in step with {leader!r}, but has "
                f"{lengths[stream.name]} frames beside {lengths[leader]}",
            )
