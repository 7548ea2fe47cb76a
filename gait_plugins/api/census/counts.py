"""Census: counts and problems of any data set, found through its contract alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from gait_plugins.api.census.reading import Reader, read_all
from gait_plugins.api.report import DataReport, FindingLog
from gait_plugins.api.sequence import SequenceRef, SequenceTable, Subset
from gait_plugins.api.stream import Stream
from gait_plugins.errors import DataError


class Listed(Protocol):
    """What of a data set is counted."""

    def sequences(self, subset: Subset) -> Sequence[SequenceRef]:
        """As ``GaitDataset`` has it."""

    def probe_set(self) -> frozenset[str] | None:
        """As ``GaitDataset`` has it."""

    def streams(self) -> tuple[Stream, ...] | None:
        """As ``GaitDataset`` has it."""


def take_census(
    dataset: Listed, log: FindingLog, read: Reader | None, refs: Mapping[str, Sequence[SequenceRef]]
) -> DataReport:
    """Count identities, conditions, views, sequences and frames, and add to ``log`` what is wrong.

    Args:
        dataset: what is checked; asked for its probes.
        log: findings so far.
        read: reads the frames of a sequence, in several processes where there are many; None leaves the
            frames unread.
        refs: subset -> its sequences.
    """
    counts: dict[str, int | str] = {}
    tables = {subset: SequenceTable.of(own) for subset, own in refs.items()}
    for subset, own in tables.items():
        for part, what in enumerate(("identities", "types", "views")):
            counts[f"{subset} {what}"] = len(own.distinct(part))
        counts[f"{subset} sequences"] = len(own)
    _check_split(dataset, log, tables)
    if read is not None:
        read_all(log, read, tables, counts, dataset.streams())
    return DataReport(counts, log.findings())


@dataclass(frozen=True)
class Loads:
    """Reads sequences as a data set gives them.

    Args:
        dataset: the data set.
    """

    dataset: Any

    def __call__(self, ref: SequenceRef, log: FindingLog) -> list[Any]:
        loaded: list[Any] = self.dataset.load(ref)
        return loaded


def list_sequences(dataset: Listed, log: FindingLog) -> dict[str, Sequence[SequenceRef]]:
    """The sequences of both subsets; a subset that cannot be listed is a finding and empty."""
    refs: dict[str, Sequence[SequenceRef]] = {}
    for subset in get_args(Subset):
        try:
            refs[subset] = dataset.sequences(subset)
        except DataError as error:
            refs[subset] = []
            log.error(error.message, error.hint or "see the message", error.where)
    return refs


def _check_split(dataset: Listed, log: FindingLog, refs: Mapping[str, SequenceTable]) -> None:
    shared = {*refs["train"].distinct(0)} & {*refs["test"].distinct(0)}
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
    if probes is not None and len(refs["test"]):
        for name in sorted(probes.difference(refs["test"].spelt())):
            log.error(
                "probes are not among the test sequences",
                "correct PROBE_SET (entries are id-type-view), or add the sequences",
                name,
            )
