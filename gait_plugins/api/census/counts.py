"""Census: counts and problems of any data set, found through its contract alone."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, get_args

import numpy as np

from gait_plugins.api.census.silhouettes import SILHOUETTES, Silhouettes
from gait_plugins.api.progress import track
from gait_plugins.api.report import DataReport, FindingLog
from gait_plugins.api.sequence import SequenceRef, Subset
from gait_plugins.api.stream import Stream
from gait_plugins.errors import DataError
from gait_plugins.io.ragged import Frames, Ragged

SHORT = 15
"""Frames below which a walk is less than half a gait cycle at 30 frames a second."""

Loader = Callable[[SequenceRef], list[Any]]


class Listed(Protocol):
    """What of a data set is counted."""

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        """As ``GaitDataset`` has it."""

    def probe_set(self) -> frozenset[str] | None:
        """As ``GaitDataset`` has it."""

    def streams(self) -> tuple[Stream, ...] | None:
        """As ``GaitDataset`` has it."""


def take_census(
    dataset: Listed, log: FindingLog, load: Loader | None, refs: dict[str, list[SequenceRef]]
) -> DataReport:
    """Count identities, conditions, views, sequences and frames, and add to ``log`` what is wrong.

    Args:
        dataset: what is checked; asked for its probes.
        log: findings so far.
        load: reads the frames of a sequence; None leaves the frames unread.
        refs: subset -> its sequences.
    """
    counts: dict[str, int | str] = {}
    for subset, own in refs.items():
        counts[f"{subset} identities"] = len({ref.label for ref in own})
        counts[f"{subset} types"] = len({ref.type for ref in own})
        counts[f"{subset} views"] = len({ref.view for ref in own})
        counts[f"{subset} sequences"] = len(own)
    _check_split(dataset, log, refs)
    if load is not None:
        _read_all(log, load, refs, counts, dataset.streams())
    return DataReport(counts, log.findings())


def list_sequences(dataset: Listed, log: FindingLog) -> dict[str, list[SequenceRef]]:
    """The sequences of both subsets; a subset that cannot be listed is a finding and empty."""
    refs: dict[str, list[SequenceRef]] = {}
    for subset in get_args(Subset):
        try:
            refs[subset] = dataset.sequences(subset)
        except DataError as error:
            refs[subset] = []
            log.error(error.message, error.hint or "see the message", error.where)
    return refs


def _check_split(dataset: Listed, log: FindingLog, refs: dict[str, list[SequenceRef]]) -> None:
    shared = {ref.label for ref in refs["train"]} & {ref.label for ref in refs["test"]}
    for label in sorted(shared):
        log.warning(
            "identities are in the training set and in the test set",
            "test on people that were not trained on: remove them from one of the sets",
            label,
        )
    try:
        probes = dataset.probe_set()
    except DataError:
        return  # what hinders the list of probes is among the findings already
    if probes is not None and refs["test"]:
        for name in sorted(probes - {ref.name for ref in refs["test"]}):
            log.error(
                "probes are not among the test sequences",
                "correct PROBE_SET (entries are id-type-view), or add the sequences",
                name,
            )


def _read_all(
    log: FindingLog,
    load: Loader,
    refs: dict[str, list[SequenceRef]],
    counts: dict[str, int | str],
    streams: tuple[Stream, ...] | None,
) -> None:
    unique = {(ref.name, subset): ref for subset, own in refs.items() for ref in own}
    sizes: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    frames: Counter[str] = Counter(dict.fromkeys(refs, 0))
    same: defaultdict[bytes, list[str]] = defaultdict(list)
    found: defaultdict[str, _Seen] = defaultdict(_Seen)
    for (name, subset), ref in track(unique.items(), "reading sequences", total=len(unique), unit="seq"):
        try:
            sources = load(ref)
            if streams is not None:
                sources = [stream.checked(each, name) for stream, each in zip(streams, sources, strict=True)]
        except DataError as error:
            log.error("sequences cannot be read", error.hint or "see the message", _line(error))
            continue
        frames[subset] += len(sources[0])
        same[_digest(sources)].append(name)
        _check_length(log, name, len(sources[0]))
        for stream, each in zip(streams or (SILHOUETTES,), sources, strict=False):
            stream.examine(each, name, log)
        first = sources[0]
        if isinstance(first, np.ndarray) and isinstance((streams or (SILHOUETTES,))[0], Silhouettes):
            height, width = first.shape[-2:]
            sizes[height, width].append(name)
        for stream, each in zip(streams or (), sources, strict=False):
            found[stream.name].note(each)
    counts.update({f"{subset} frames": number for subset, number in frames.items()})
    if sizes:
        counts["frame size"] = ", ".join(_described(*size) for size in sorted(sizes))
    counts.update({f"stream {name}": each.words for name, each in found.items()})
    _check_sizes(log, sizes)
    _check_copies(log, same.values())


@dataclass
class _Seen:
    """What a stream's frames are, over all sequences."""

    frames: int = 0
    shapes: set[str] = field(default_factory=set)
    rows: list[int] = field(default_factory=list)

    def note(self, frames: Frames) -> None:
        """One sequence's."""
        self.frames += len(frames)
        if isinstance(frames, Ragged):
            self.rows += [int(frames.sizes.min()), int(frames.sizes.max())]
            self.shapes.add(f"[m, {', '.join(map(str, frames.values.shape[1:]))}] {frames.dtype}")
        else:
            self.shapes.add(f"{list(frames.shape[1:])} {frames.dtype}")

    @property
    def words(self) -> str:
        """Its line of the report."""
        few = sorted(self.shapes)[:3] + ["..."] * (len(self.shapes) > 3)
        rows = f", m from {min(self.rows)} to {max(self.rows)}" if self.rows else ""
        return f"{self.frames} frames of {' and '.join(few)}{rows}"


def _check_length(log: FindingLog, name: str, frames: int) -> None:
    if frames < SHORT:
        log.warning(
            f"sequences are shorter than {SHORT} frames",
            "they show less than half a gait cycle: leave them out, or take longer tracks",
            f"{name} ({frames} frames)",
        )


def _digest(sources: list[Frames]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for source in sources:
        arrays = [source.values, source.offsets] if isinstance(source, Ragged) else [source]
        for array in arrays:
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _check_copies(log: FindingLog, same: Iterable[list[str]]) -> None:
    for names in same:
        # A sequence in both sets is told of already.
        first, *copies = dict.fromkeys(names)
        for name in copies:
            log.warning(
                "sequences hold the same frames as another one",
                "delete the copies (links, too): a copy is always its own nearest match",
                f"{name} = {first}",
            )


def _check_sizes(log: FindingLog, sizes: dict[tuple[int, int], list[str]]) -> None:
    if len(sizes) < 2:
        return
    usual = max(sizes, key=lambda size: len(sizes[size]))
    for size, names in sizes.items():
        if size == usual:
            continue
        text = f"sequences are {_described(*size)}, most are {_described(*usual)}"
        # The cut brings both to one size only where they differ by the cut alone.
        only_cut = size[0] == usual[0] and {_is_cut(*size), _is_cut(*usual)} == {True, False}
        for name in names:
            if only_cut:
                log.warning(text, "use BaseSilCuttingTransform, which cuts uncut frames only", name)
            else:
                log.error(text, "resize all sequences to one size", name)


def _is_cut(height: int, width: int) -> bool:
    return width * 64 == height * 44


def _described(height: int, width: int) -> str:
    state = "uncut" if width == height else "cut" if _is_cut(height, width) else "neither 1:1 nor 64:44"
    return f"{height}x{width} ({state})"


def _line(error: DataError) -> str:
    return f"{error.where}: {error.message}" if error.where else error.message
