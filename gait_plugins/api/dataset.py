"""The contract of data sets, and the index that samplers draw from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from gait_plugins.api.example import HasExample

if TYPE_CHECKING:
    from gait_plugins.api.report import DataReport

Subset = Literal["train", "test"]


class SequenceRef(NamedTuple):
    """One walk: identity, condition, view, and where its frames are."""

    label: str
    """Identity, ``075``."""
    type: str
    """Walking condition, ``nm-01``."""
    view: str
    """Camera view, ``090``."""
    source: Any
    """Whatever the data set needs to load it; picklable (it travels to workers)."""

    @property
    def name(self) -> str:
        """``id-type-view``, as partitions spell a probe."""
        return f"{self.label}-{self.type}-{self.view}"


def fits_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether a type, a view or a name matches one of the patterns; ``*`` stands for any text."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class SequenceIndex:
    """An ordered list of sequences with its identities.

    Args:
        refs: the sequences, in the data set's own (sorted, stable) order.
    """

    def __init__(self, refs: Sequence[SequenceRef]) -> None:
        self.refs = list(refs)

    def __len__(self) -> int:
        return len(self.refs)

    @cached_property
    def identities(self) -> list[str]:
        """Distinct identities, sorted; a position in this list is a class index."""
        return sorted({ref.label for ref in self.refs})

    @cached_property
    def by_identity(self) -> dict[str, list[int]]:
        """Identity -> positions of its sequences."""
        table: dict[str, list[int]] = {label: [] for label in self.identities}
        for position, ref in enumerate(self.refs):
            table[ref.label].append(position)
        return table

    @cached_property
    def classes(self) -> np.ndarray:
        """Class index of every sequence, int64 ``[n]``."""
        number = {label: i for i, label in enumerate(self.identities)}
        return np.array([number[ref.label] for ref in self.refs], dtype=np.int64)


class GaitDataset(HasExample, ABC):
    """Sequences of silhouettes with identity, condition and view."""

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
        from gait_plugins.api.census import list_sequences, take_census
        from gait_plugins.api.report import FindingLog

        log = FindingLog()
        return take_census(self, log, self.load if read_frames else None, list_sequences(self, log))
