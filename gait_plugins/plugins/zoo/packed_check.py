"""Data check of a packed file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gait_plugins.api import DataReport, FindingLog, SequenceRef, Subset
from gait_plugins.api.census import take_census
from gait_plugins.errors import DataError
from gait_plugins.packed import damaged_member

if TYPE_CHECKING:
    from gait_plugins.plugins.zoo.packed_layout import PackedSilhouettes

_SUBSETS: tuple[Subset, ...] = ("train", "test")


def check_packed(dataset: PackedSilhouettes, read: bool) -> DataReport:
    """Look at everything that can be looked at."""
    findings = FindingLog()
    refs: dict[str, list[SequenceRef]] = {}
    try:
        partition = dataset.partition()
        there = set(dataset.file().names[0])
        for subset in _SUBSETS:
            listed = partition.of(subset)
            for label in listed:
                if label not in there:
                    findings.warning(
                        f"{subset} identities of the partition are not in the file",
                        "pack the whole data set, or take them out of the partition",
                        label,
                    )
            refs[subset] = dataset.find(subset, [label for label in listed if label in there])
            if listed and not refs[subset]:
                raise dataset.no_identity(listed)
        damaged = damaged_member(dataset.root) if read else None
    except DataError as error:
        findings.error(error.message, error.hint or "see the message", error.where)
        return DataReport({}, findings.findings())
    for label in sorted(there - {label for subset in _SUBSETS for label in partition.of(subset)}):
        findings.warning(
            "identities are in no set of the partition",
            "they are never used; add them to TRAIN_SET or TEST_SET to use them",
            label,
        )
    if damaged is not None:
        findings.error(
            "arrays of the file are damaged", "pack the data again: gait-plugins data pack", damaged
        )
    return take_census(dataset, findings, dataset.load if read else None, refs)
