"""Sequences: one walk of one identity, and the index that samplers draw from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal, NamedTuple, overload

import numpy as np

Subset = Literal["train", "test"]

_BLOCK = 4096
"""Sequences whose columns become Python numbers at a time."""


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


Texts = Sequence[str]


class SequenceTable(Sequence[SequenceRef]):
    """Sequences as columns of numbers: reads like a list of refs, and makes each ref when it is asked for.

    A data set of a million sequences returns one from ``sequences``: it takes 16 bytes a sequence, and is
    handed to worker processes as fast.

    Args:
        names: the distinct identities, types and views.
        codes: for each sequence its places in these three lists, int32 ``[3, n]``.
        sources: whatever gives a source by its place: a list, a range, or anything with ``[place]``; with a
            method ``several(places)``, int64 ``[n]``, it gives a list of them at once.
        places: place in ``sources`` of each sequence, ``[n]``; None: they are in the same order.
    """

    def __init__(
        self,
        names: Sequence[Texts],
        codes: np.ndarray,
        sources: Any,
        places: np.ndarray | None = None,
    ) -> None:
        self.names = tuple(part if isinstance(part, list) else list(part) for part in names)
        self.codes = np.asarray(codes, np.int32)
        self.sources = sources
        self.places = np.arange(self.codes.shape[1], dtype=np.int64) if places is None else places

    @classmethod
    def of(cls, refs: Sequence[SequenceRef]) -> SequenceTable:
        """Any refs as columns; a table is itself."""
        if isinstance(refs, SequenceTable):
            return refs
        numbers: tuple[dict[str, int], ...] = ({}, {}, {})
        codes = np.empty((3, len(refs)), np.int32)
        for part, known in enumerate(numbers):
            codes[part] = [known.setdefault(ref[part], len(known)) for ref in refs]
        return cls([list(known) for known in numbers], codes, _SourcesOf(refs))

    def __len__(self) -> int:
        return int(self.codes.shape[1])

    @overload
    def __getitem__(self, position: int) -> SequenceRef: ...

    @overload
    def __getitem__(self, position: slice) -> SequenceTable: ...

    def __getitem__(self, position: int | slice) -> SequenceRef | SequenceTable:
        if isinstance(position, slice):
            return self.take(position)
        label, kind, view = self.codes[:, position].tolist()
        source = self.sources[int(self.places[position])]
        return SequenceRef(self.names[0][label], self.names[1][kind], self.names[2][view], source)

    def __iter__(self) -> Iterator[SequenceRef]:
        labels, types, views = self.names
        for start in range(0, len(self), _BLOCK):
            rows = zip(*self.codes[:, start : start + _BLOCK].tolist(), strict=True)
            sources = _several(self.sources, self.places[start : start + _BLOCK])
            for (label, kind, view), source in zip(rows, sources, strict=True):
                yield SequenceRef(labels[label], types[kind], views[view], source)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SequenceTable | list | tuple):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Sequence[SequenceRef]) -> list[SequenceRef]:
        return [*self, *other]

    def __radd__(self, other: Sequence[SequenceRef]) -> list[SequenceRef]:
        return [*other, *self]

    def __repr__(self) -> str:
        return f"<{len(self)} sequences of {len(self.distinct(0))} identities>"

    def take(self, positions: np.ndarray | slice) -> SequenceTable:
        """The sequences at these positions, or where a mask is true, as a table."""
        return SequenceTable(self.names, self.codes[:, positions], self.sources, self.places[positions])

    def and_of(self, other: SequenceTable) -> SequenceTable:
        """These sequences, then those of another one."""
        names: list[list[str]] = []
        codes = np.empty((3, len(self) + len(other)), np.int32)
        for part in range(3):
            known = {name: number for number, name in enumerate(self.names[part])}
            of_other = np.array([known.setdefault(name, len(known)) for name in other.names[part]], np.int32)
            codes[part, : len(self)] = self.codes[part]
            codes[part, len(self) :] = of_other[other.codes[part]]
            names.append(list(known))
        places = np.concatenate([2 * self.places, 2 * other.places + 1])
        return SequenceTable(names, codes, _SourcesOfTwo(self.sources, other.sources), places)

    def each_its_own(self) -> SequenceTable:
        """The same sequences, where the label of each is its name: every one is a class."""
        codes = self.codes.copy()
        codes[0] = np.arange(len(self))
        return SequenceTable([list(self.spelt()), *self.names[1:]], codes, self.sources, self.places)

    def distinct(self, part: int) -> list[str]:
        """The identities (0), types (1) or views (2) that occur, sorted."""
        used = np.flatnonzero(np.bincount(self.codes[part], minlength=len(self.names[part])))
        return sorted({self.names[part][code] for code in used.tolist()})

    def column(self, part: int) -> np.ndarray:
        """The identity (0), type (1) or view (2) of each sequence, text ``[n]``."""
        if not len(self):
            return np.array([], "<U1")
        used, codes = np.unique(self.codes[part], return_inverse=True)
        texts: np.ndarray = np.array([self.names[part][code] for code in used.tolist()])
        return texts[codes.reshape(-1)]

    def ranks(self, part: int) -> np.ndarray:
        """The place of each sequence's identity, type or view in :meth:`distinct`, int64 ``[n]``."""
        place = {name: rank for rank, name in enumerate(self.distinct(part))}
        ranks = np.array([place.get(name, -1) for name in self.names[part]], np.int64)
        found: np.ndarray = ranks[self.codes[part]]
        return found

    def spelt(self) -> Iterator[str]:
        """``id-type-view`` of each sequence, in order, made one after the other."""
        labels, types, views = self.names
        for start in range(0, len(self), _BLOCK):
            for label, kind, view in self.codes[:, start : start + _BLOCK].T.tolist():
                yield f"{labels[label]}-{types[kind]}-{views[view]}"


def chosen(refs: Sequence[SequenceRef], positions: np.ndarray) -> Sequence[SequenceRef]:
    """The refs at these positions, or where a mask is true: of a table a table, else a list."""
    if isinstance(refs, SequenceTable):
        return refs.take(positions)
    places = np.flatnonzero(positions) if positions.dtype == bool else positions
    return [refs[place] for place in places.tolist()]


def _several(sources: Any, places: np.ndarray) -> Iterable[Any]:
    several = getattr(sources, "several", None)
    return map(sources.__getitem__, places.tolist()) if several is None else several(places)


class _SourcesOf:
    """The sources of a list of refs."""

    def __init__(self, refs: Sequence[SequenceRef]) -> None:
        self.refs = refs

    def __getitem__(self, place: int) -> Any:
        return self.refs[place].source


class _SourcesOfTwo:
    """The sources of two tables, in turns."""

    def __init__(self, even: Any, odd: Any) -> None:
        self.even, self.odd = even, odd

    def __getitem__(self, place: int) -> Any:
        return (self.odd if place % 2 else self.even)[place // 2]


class SequenceIndex:
    """An ordered list of sequences with its identities.

    Args:
        refs: the sequences, in the data set's own (sorted, stable) order. A :class:`SequenceTable` is kept
            as it is, of anything else a list is made.
    """

    def __init__(self, refs: Sequence[SequenceRef]) -> None:
        self.refs: Sequence[SequenceRef] = refs if isinstance(refs, SequenceTable) else list(refs)

    def __len__(self) -> int:
        return len(self.refs)

    def __getstate__(self) -> dict[str, Any]:
        # Workers need the sequences; what follows from them they make themselves.
        return {"refs": self.refs}

    @cached_property
    def table(self) -> SequenceTable:
        """The sequences as columns."""
        return SequenceTable.of(self.refs)

    @cached_property
    def identities(self) -> list[str]:
        """Distinct identities, sorted; a position in this list is a class index."""
        return self.table.distinct(0)

    @cached_property
    def by_identity(self) -> Mapping[str, list[int]]:
        """Identity -> positions of its sequences."""
        return _Positions(self.identities, self.classes)

    @cached_property
    def classes(self) -> np.ndarray:
        """Class index of every sequence, int64 ``[n]``."""
        return self.table.ranks(0)


class _Positions(Mapping[str, list[int]]):
    """Identity -> positions of its sequences, listed when they are asked for."""

    def __init__(self, identities: list[str], classes: np.ndarray) -> None:
        self._number = {label: number for number, label in enumerate(identities)}
        self._order = np.argsort(classes, kind="stable").astype(np.int32)
        self._bounds = np.searchsorted(classes[self._order], np.arange(len(identities) + 1))

    def __getitem__(self, label: str) -> list[int]:
        number = self._number[label]
        own: list[int] = self._order[self._bounds[number] : self._bounds[number + 1]].tolist()
        return own

    def __iter__(self) -> Iterator[str]:
        return iter(self._number)

    def __len__(self) -> int:
        return len(self._number)
