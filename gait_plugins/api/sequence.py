"""Sequences: one walk of one identity, and the index that samplers draw from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

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
