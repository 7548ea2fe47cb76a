"""Data check of the folder layout: all problems of partition, folders and files at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gait_plugins.api import DataReport, FindingLog, SequenceRef, Stream, Subset
from gait_plugins.api.census.counts import take_census
from gait_plugins.errors import DataError
from gait_plugins.io.sequence_file import inspect_frames
from gait_plugins.plugins.zoo.data.layout_hints import identity_folders, no_identity
from gait_plugins.plugins.zoo.data.layout_scan import check_equal_lengths, scan
from gait_plugins.plugins.zoo.data.layout_streams import read_stream
from gait_plugins.plugins.zoo.data.partitioned import PartitionedDataset

T = TypeVar("T")
Find = Callable[[Subset, list[str], FindingLog], Sequence[SequenceRef]]
"""Lists the sequences of identities of a subset; what does not fit goes to the log."""
_SUBSETS: tuple[Subset, ...] = ("train", "test")


def check_layout(
    dataset: PartitionedDataset, find: Find, read: bool, streams: Sequence[Stream] | None = None
) -> DataReport:
    """Check everything that can be checked, whatever else is broken."""
    findings = FindingLog()
    folders = _attempt(findings, lambda: identity_folders(dataset.root, anew=True))
    partition = _attempt(findings, dataset.partition)
    if folders is None or partition is None:
        scan(dataset.root, folders or (), findings)
        return DataReport({"identity folders": len(folders or ())}, findings.findings())
    listed = {subset: partition.of(subset) for subset in _SUBSETS}
    everyone = [label for labels in listed.values() for label in labels]
    if not set(folders) & set(everyone):
        _record(findings, no_identity(dataset.root, folders, everyone))
        return DataReport({"identity folders": len(folders)}, findings.findings())
    refs: dict[str, Sequence[SequenceRef]] = {}
    for subset in _SUBSETS:
        present = _present(dataset.root, subset, listed[subset], folders, findings)
        refs[subset] = find(subset, present, findings)
    for folder in sorted(set(folders) - set(everyone)):
        findings.warning(
            "identity folders are in no set of the partition",
            "they are never used; add them to TRAIN_SET or TEST_SET to use them",
            folder,
        )
    return take_census(dataset, findings, _Reads(streams) if read else None, refs)


def _attempt(findings: FindingLog, step: Callable[[], T]) -> T | None:
    try:
        return step()
    except DataError as error:
        _record(findings, error)
        return None


def _record(findings: FindingLog, error: DataError) -> None:
    findings.error(error.message, error.hint or "see the message", error.where)


def _present(
    root: str, subset: Subset, listed: list[str], folders: list[str], findings: FindingLog
) -> list[str]:
    there = set(folders)
    for label in listed:
        if label not in there:
            findings.warning(
                f"{subset} identities of the partition have no folder",
                "unpack the rest of the data, or take them out of the partition",
                label,
            )
    present = [label for label in listed if label in there]
    if listed and not present:
        _record(findings, no_identity(root, folders, listed))
    return present


@dataclass(frozen=True)
class _Reads:
    """Reads the files of sequences, and tells what had to be converted.

    Args:
        streams: what the files are, where the data set says it.
    """

    streams: Sequence[Stream] | None

    def __call__(self, ref: SequenceRef, log: FindingLog) -> list[Any]:
        found: list[Any] = []
        converted: list[tuple[str, str]] = []
        for place, path in enumerate(ref.source):
            streams = self.streams
            frames, note = inspect_frames(path) if streams is None else read_stream(streams[place], path)
            found.append(frames)
            if note:
                converted.append((path, note))
        for path, note in converted:
            log.warning(
                f"files hold {note} on reading",
                "save them as uint8 with 0 and 255 to avoid the conversion",
                path,
            )
        return check_equal_lengths(found, ref) if self.streams is None else found
