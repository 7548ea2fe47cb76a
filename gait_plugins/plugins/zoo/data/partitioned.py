"""Base of the data sets that a partition divides."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Collection
from typing import Any

from gait_plugins.api import GaitDataset, Subset
from gait_plugins.errors import DataError
from gait_plugins.io.remote.address import taken
from gait_plugins.plugins.zoo.data.partition_file import (
    Partition,
    check_partition_options,
    find_partition,
    warn_of_shared_identities,
)

log = logging.getLogger("gait_plugins")


class PartitionedDataset(GaitDataset):
    """Sequences of identities that are trained on and of others that are tested, as a partition says.

    Args:
        root: where the sequences lie.
        partition: JSON file; None for a data set whose partition is a rule.
        dataset_name: of a data set whose partition is a rule.
    """

    def __init__(self, root: str, partition: str | None, dataset_name: str | None) -> None:
        check_partition_options(partition, dataset_name)
        self.root = taken(str(root))
        self.partition_path = None if partition is None else taken(str(partition))
        self.dataset_name = dataset_name
        self._partition: Partition | None = None

    @classmethod
    def check_options(cls, **options: Any) -> None:
        check_partition_options(options.get("dataset_partition"), options.get("dataset_name"))

    def probe_set(self) -> frozenset[str] | None:
        partition = self.partition()
        if partition.probes is None and partition.gallery is not None:
            return frozenset(ref.name for ref in self.sequences("test")) - partition.gallery
        return partition.probes

    def partition(self) -> Partition:
        """The partition, read on first use."""
        if self._partition is None:
            self._partition = find_partition(self.partition_path, self.dataset_name)
        return self._partition

    @abstractmethod
    def no_identity(self, listed: list[str]) -> DataError:
        """The error for data that hold none of these identities."""

    def present(self, subset: Subset, there: Collection[str]) -> list[str]:
        """Identities of a subset that are there, in the partition's order; the missing ones are logged.

        Raises:
            DataError: none of them is there.
        """
        if subset == "test":
            warn_of_shared_identities(self.partition())
        listed = self.partition().of(subset)
        known = frozenset(there)
        found = [label for label in listed if label in known]
        if listed and not found:
            raise self.no_identity(listed)
        if len(found) < len(listed):
            missing = len(listed) - len(found)
            log.warning("%d of %d %s identities are not in %s", missing, len(listed), subset, self.root)
        return found
