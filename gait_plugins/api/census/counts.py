"""Census: counts and problems of any data set, found through its contract alone."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Protocol, get_args

import numpy as np

from gait_plugins.api.progress import track
from gait_plugins.api.report import DataReport, FindingLog
from gait_plugins.api.sequence import SequenceRef, Subset
from gait_plugins.errors import DataError

SHORT = 15
"""Frames below which a walk is less than half a gait cycle at 30 frames a second."""

BRIGHT = 200
"""Grey value that the person in a silhouette reaches somewhere; soft edges alone lie below."""
_HALF = 127

Loader = Callable[[SequenceRef], list[np.ndarray]]


class Listed(Protocol):
    """What of a data set is counted."""

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        """As ``GaitDataset`` has it."""

    def probe_set(self) -> frozenset[str] | None:
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
        _read_all(log, load, refs, counts)
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
    log: FindingLog, load: Loader, refs: dict[str, list[SequenceRef]], counts: dict[str, int | str]
) -> None:
    unique = {(ref.name, subset): ref for subset, own in refs.items() for ref in own}
    sizes: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    frames: Counter[str] = Counter(dict.fromkeys(refs, 0))
    same: defaultdict[bytes, list[str]] = defaultdict(list)
    for (name, subset), ref in track(unique.items(), "reading sequences", total=len(unique), unit="seq"):
        try:
            sources = load(ref)
        except DataError as error:
            log.error("sequences cannot be read", error.hint or "see the message", _line(error))
            continue
        silhouettes = sources[0]
        frames[subset] += len(silhouettes)
        height, width = silhouettes.shape[-2:]
        sizes[height, width].append(name)
        same[_digest(sources)].append(name)
        _check_frames(log, name, silhouettes)
    counts.update({f"{subset} frames": number for subset, number in frames.items()})
    if sizes:
        counts["frame size"] = ", ".join(_described(*size) for size in sorted(sizes))
    _check_sizes(log, sizes)
    _check_copies(log, same.values())


def _check_frames(log: FindingLog, name: str, silhouettes: np.ndarray) -> None:
    if len(silhouettes) < SHORT:
        log.warning(
            f"sequences are shorter than {SHORT} frames",
            "they show less than half a gait cycle: leave them out, or take longer tracks",
            f"{name} ({len(silhouettes)} frames)",
        )
    blank = int((~silhouettes.reshape(len(silhouettes), -1).any(axis=1)).sum())
    if blank:
        log.warning(
            "sequences hold black frames",
            "drop frames without a person before saving the sequence",
            f"{name} ({blank} of {len(silhouettes)} frames)",
        )

    if silhouettes.ndim == 3:
        _check_values(log, name, silhouettes)


def _check_values(log: FindingLog, name: str, silhouettes: np.ndarray) -> None:
    if 0 < silhouettes.max() < BRIGHT:
        log.warning(
            "sequences hold no white: the person is dark grey",
            "save the person as 255; for labels and coloured masks use data prepare --threshold 0",
            f"{name} (brightest value {silhouettes.max()})",
        )
    # Heads and feet touch the first and last rows; the person is in the middle of the columns.
    if (silhouettes[..., [0, -1]] > _HALF).mean() > 0.5:
        log.error(
            "sequences have a white background",
            "make the person white (255) and the background black: 255 - frames",
            name,
        )


def _digest(sources: list[np.ndarray]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for source in sources:
        digest.update(repr(source.shape).encode())
        digest.update(np.ascontiguousarray(source).data)
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
