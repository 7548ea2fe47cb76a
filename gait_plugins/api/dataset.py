"""The contract of data sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from gait_plugins.api._census import list_sequences, take_census
from gait_plugins.api.options import HasExample
from gait_plugins.api.report import DataReport, FindingLog
from gait_plugins.api.sequence import SequenceRef, Subset


class GaitDataset(HasExample, ABC):
    """Sequences of silhouettes with identity, condition and view."""

    indifferent_options: ClassVar[frozenset[str]] = frozenset({"dataset_root", "dataset_partition"})
    """As for every component. What is trained on is compared by the names of the training sequences: data
    may be moved, and a partition may be written anew, in the middle of a training."""

    @abstractmethod
    def sequences(self, subset: Subset) -> list[SequenceRef]:
        """The sequences of the training or test identities, in a stable order."""

    @abstractmethod
    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        """The frames of a sequence: one array per input source, ``[t, h, w]`` uint8 as a rule.

        Called in worker processes. Raises ``DataError`` naming the file for anything unreadable.
        """

    def length(self, ref: SequenceRef) -> int:
        """Frames of a sequence; to be overridden where that is known without reading them."""
        return len(self.load(ref)[0])

    def targets(self, ref: SequenceRef) -> Mapping[str, Any]:
        """Targets of a sequence beside its identity; see ``Transform.with_targets``."""
        return {}

    def probe_set(self) -> frozenset[str] | None:
        """``id-type-view`` names of the probes where the partition lists them."""
        return None

    def check(self, *, read_frames: bool = True) -> DataReport:
        """Count the data set and report everything that is wrong, all at once.

        A data set that knows more of its files (wrong folders, stray files) extends this.

        Args:
            read_frames: read every sequence; otherwise only what can be told without.
        """
        log = FindingLog()
        return take_census(self, log, self.load if read_frames else None, list_sequences(self, log))
