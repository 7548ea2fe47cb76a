"""The contract of data sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from gait_plugins.api.census.counts import Loads, list_sequences, take_census
from gait_plugins.api.options import HasExample
from gait_plugins.api.report import DataReport, FindingLog
from gait_plugins.api.sequence import SequenceRef, Subset
from gait_plugins.api.stream import Stream


class GaitDataset(HasExample, ABC):
    """Sequences with identity, condition and view: silhouettes, or whatever streams it declares."""

    indifferent_options: ClassVar[frozenset[str]] = frozenset({"dataset_root", "dataset_partition"})
    """As for every component. What is trained on is compared by the names of the training sequences: data
    may be moved, and a partition may be written anew, in the middle of a training."""

    synthetic: ClassVar[bool] = False
    """Whether its people are made up: a model that was trained on them names real ones with a warning."""
    called: ClassVar[str] = ""
    """What the data are called in results, where ``data_cfg.test_dataset_name`` only names the table that a
    protocol goes by; empty: what it says."""

    @abstractmethod
    def sequences(self, subset: Subset) -> Sequence[SequenceRef]:
        """The sequences of the training or test identities, in a stable order.

        A list, or for very many a :class:`SequenceTable`, which makes each ref when it is asked for.
        """

    @abstractmethod
    def load(self, ref: SequenceRef) -> list[Any]:
        """The frames of a sequence: for each of :meth:`streams` an array ``[t, ...]`` or ``Ragged`` frames.

        Called in worker processes. Raises ``DataError`` naming the file for anything unreadable.
        """

    def streams(self) -> tuple[Stream, ...] | None:
        """What :meth:`load` gives, in its order; None for a data set that does not say.

        Frames of a declared stream keep their dtype, and are compared with what the model takes before any
        work. Those of a data set that does not say are taken as silhouettes are: uint8 as a rule, and
        float32 for the model.
        """
        return None

    def times(self, ref: SequenceRef) -> Mapping[str, np.ndarray]:
        """Stream -> when each of its frames was taken, in seconds, float ``[t]``, rising; where it is known.

        A stream that is not named here goes by its clock.
        """
        return {}

    def length(self, ref: SequenceRef) -> int:
        """Frames of a sequence's first stream; to be overridden where that is known without reading them."""
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
        return take_census(self, log, Loads(self) if read_frames else None, list_sequences(self, log))
