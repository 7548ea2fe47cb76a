"""Listing of the folders of a data set: walks as columns, and which of their files are the inputs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import accumulate

import numpy as np

from gait_plugins.api import FindingLog, SequenceTable, Stream
from gait_plugins.io.remote.address import is_address
from gait_plugins.plugins.zoo.data.layout_scan import Scanned, below

_SEPARATOR = "\0"
_AT_ONCE = 2**16
"""View folders whose names are moved together."""


@dataclass
class Listing:
    """What lies below identities: their type folders, the view folders of these, and the files of these.

    Folders are numbered in the order of a walk through them. ``owner`` is the number of the folder above, and
    ``time`` when the folder was changed last, in nanoseconds.
    """

    labels: list[str]
    label_time: np.ndarray
    scanned: np.ndarray
    """When each identity was looked at, int64, in nanoseconds."""
    findings: list[list[list[str | None]]]
    """Of each identity what does not fit: severity, problem, fix, place."""
    types: list[str]
    type_owner: np.ndarray
    type_name: np.ndarray
    """Position in ``types``."""
    type_time: np.ndarray
    views: list[str]
    view_owner: np.ndarray
    view_name: np.ndarray
    view_time: np.ndarray
    count: np.ndarray
    """Sequence files of each view folder."""
    start: np.ndarray
    stop: np.ndarray
    """Where their names are in ``files``."""
    files: bytes

    @classmethod
    def of(cls, identities: Sequence[Scanned]) -> Listing:
        """What was seen of identities, in this order."""
        types, views = _Names(), _Names()
        type_rows: list[tuple[int, int, int]] = []
        view_rows: list[tuple[int, int, int, int, int]] = []
        parts: list[bytes] = []
        for owner, each in enumerate(identities):
            for name, moment, inside in each.types:
                type_rows.append((owner, types(name), moment))
                for view, time, files in inside:
                    text = _SEPARATOR.join(files).encode("utf-8", "surrogatepass")
                    parts.append(text)
                    view_rows.append((len(type_rows) - 1, views(view), time, len(files), len(text)))
        kinds, walks = (
            np.array(rows, np.int64).reshape(-1, columns)
            for rows, columns in ((type_rows, 3), (view_rows, 5))
        )
        stop = np.cumsum(walks[:, 4])
        return cls(
            [each.label for each in identities],
            np.array([each.time for each in identities], np.int64),
            np.array([each.scanned for each in identities], np.int64),
            [list(map(list, each.log.listed())) for each in identities],
            list(types.known),
            kinds[:, 0].astype(np.int32),
            kinds[:, 1].astype(np.int32),
            kinds[:, 2],
            list(views.known),
            walks[:, 0].astype(np.int32),
            walks[:, 1].astype(np.int32),
            walks[:, 2],
            walks[:, 3].astype(np.int32),
            stop - walks[:, 4],
            stop,
            b"".join(parts),
        )

    def __len__(self) -> int:
        """View folders."""
        return len(self.view_owner)

    def chosen(self, numbers: np.ndarray) -> Listing:
        """These identities alone, in this order."""
        kinds, owner = _below(self.type_owner, len(self.labels), numbers)
        walks, above = _below(self.view_owner, len(self.type_owner), kinds)
        return Listing(
            [self.labels[number] for number in numbers.tolist()],
            self.label_time[numbers],
            self.scanned[numbers],
            [self.findings[number] for number in numbers.tolist()],
            self.types,
            owner,
            self.type_name[kinds],
            self.type_time[kinds],
            self.views,
            above,
            self.view_name[walks],
            self.view_time[walks],
            self.count[walks],
            self.start[walks],
            self.stop[walks],
            self.files,
        )

    def and_of(self, other: Listing) -> Listing:
        """The identities of this one, then those of another."""
        return Listing.joined([self, other])

    @classmethod
    def joined(cls, parts: Sequence[Listing]) -> Listing:
        """The identities of all parts, in their order."""
        types, views = _Names(), _Names()
        type_codes = [types.codes(part.types) for part in parts]
        view_codes = [views.codes(part.views) for part in parts]
        identities = _starts([len(part.labels) for part in parts])
        kinds = _starts([len(part.type_owner) for part in parts])
        bytes_before = _starts([len(part.files) for part in parts])

        def column(name: str, dtype: type, shifts: Iterable[int] | None = None) -> np.ndarray:
            """That column of all parts; numbers that point into another one are shifted."""
            of_parts = [getattr(part, name) for part in parts]
            if shifts is not None:
                of_parts = [of + shift for of, shift in zip(of_parts, shifts, strict=True)]
            return np.concatenate([np.empty(0, dtype), *of_parts], dtype=dtype)

        def named(name: str, codes: list[np.ndarray]) -> np.ndarray:
            of_parts = (code[getattr(part, name)] for part, code in zip(parts, codes, strict=True))
            return np.concatenate([np.empty(0, np.int32), *of_parts])

        return cls(
            [label for part in parts for label in part.labels],
            column("label_time", np.int64),
            column("scanned", np.int64),
            [own for part in parts for own in part.findings],
            list(types.known),
            column("type_owner", np.int32, identities),
            named("type_name", type_codes),
            column("type_time", np.int64),
            list(views.known),
            column("view_owner", np.int32, kinds),
            named("view_name", view_codes),
            column("view_time", np.int64),
            column("count", np.int32),
            column("start", np.int64, bytes_before),
            column("stop", np.int64, bytes_before),
            b"".join(part.files for part in parts),
        )

    def compact(self) -> Listing:
        """The same, without names of files that belong to none of these view folders."""
        lengths = self.stop - self.start
        stop = np.cumsum(lengths)
        if np.array_equal(stop, self.stop) and int(lengths.sum()) == len(self.files):
            return self
        every, parts = np.frombuffer(self.files, np.uint8), []
        for first in range(0, len(self), _AT_ONCE):
            rows = slice(first, first + _AT_ONCE)
            ends = np.cumsum(lengths[rows])
            shift = np.repeat(self.start[rows] - (ends - lengths[rows]), lengths[rows])
            parts.append(every[np.arange(len(shift)) + shift].tobytes())
        return replace(self, start=stop - lengths, stop=stop, files=b"".join(parts))

    def check(self) -> None:
        """See that the columns fit each other, as those of a file that somebody else made may not.

        Raises:
            ValueError: they do not.
        """
        rows = (
            ("labels", "label_time scanned findings"),
            ("type_owner", "type_name type_time"),
            ("view_owner", "view_name view_time count start stop"),
        )
        columns = [column for column in vars(self).values() if isinstance(column, np.ndarray)]
        sizes = all(column.ndim == 1 and np.issubdtype(column.dtype, np.integer) for column in columns)
        sizes &= all(
            len(getattr(self, name)) == len(getattr(self, first))
            for first, others in rows
            for name in others.split()
        )
        points = (
            (self.type_owner, self.labels),
            (self.type_name, self.types),
            (self.view_owner, self.type_owner),
            (self.view_name, self.views),
        )
        if not sizes or not all(_within(numbers, len(into)) for numbers, into in points):
            raise ValueError("its columns do not fit each other")
        names = _within(self.start, len(self.files) + 1) and _within(self.stop, len(self.files) + 1)
        rising = all((np.diff(owner) >= 0).all() for owner in (self.type_owner, self.view_owner))
        if not names or not rising or (self.start > self.stop).any():
            raise ValueError("its columns do not fit each other")

    def tell(self, log: FindingLog) -> None:
        """Add what does not fit."""
        for findings in self.findings:
            for severity, problem, fix, place in findings:
                (log.error if severity == "error" else log.warning)(str(problem), str(fix), place)

    def of_files(self) -> Listing:
        """What paths are made of; workers need no more."""
        none = np.empty(0, np.int64)
        return replace(
            self, label_time=none, scanned=none, findings=[], type_time=none, view_time=none, count=none
        )

    def names_of(self, walk: int) -> list[str]:
        """Names of the sequence files of a view folder, sorted."""
        text = self.files[self.start[walk] : self.stop[walk]]
        return text.decode("utf-8", "surrogatepass").split(_SEPARATOR)

    def place(self, walk: int) -> tuple[str, str, str]:
        """Identity, type and view of a view folder."""
        kind = int(self.view_owner[walk])
        label = self.labels[int(self.type_owner[kind])]
        return label, self.types[int(self.type_name[kind])], self.views[int(self.view_name[walk])]


@dataclass(frozen=True)
class FileSources:
    """Paths of the inputs of each walk, made when they are asked for.

    Args:
        root: the folder of the identities.
        listing: what lies there.
        use: which files of a view folder, sorted by name; None: all.
        found: positions of the files for each walk, ``[n, k]``, in place of ``use``.
    """

    root: str
    listing: Listing
    use: Sequence[int] | None = None
    found: np.ndarray | None = field(default=None)

    def __getitem__(self, walk: int) -> tuple[str, ...]:
        (paths,) = self.several(np.array([walk]))
        return paths

    def several(self, walks: np.ndarray) -> list[tuple[str, ...]]:
        """The paths of some walks."""
        listing, separator = self.listing, "/" if is_address(self.root) else os.sep
        labels, types, views = listing.labels, listing.types, listing.views
        kind = listing.view_owner[walks]
        owner, type_name, view_name, start, stop = (
            column.tolist()
            for column in (
                listing.type_owner[kind],
                listing.type_name[kind],
                listing.view_name[walks],
                listing.start[walks],
                listing.stop[walks],
            )
        )
        found: list[tuple[str, ...]] = []
        above, last = "", -1
        for row, walk in enumerate(walks.tolist()):
            if owner[row] != last:
                above, last = below(self.root, labels[owner[row]]) + separator, owner[row]
            folder = f"{above}{types[type_name[row]]}{separator}{views[view_name[row]]}{separator}"
            text = listing.files[start[row] : stop[row]].decode("utf-8", "surrogatepass")
            names = text.split(_SEPARATOR)
            use = self.use if self.found is None else self.found[walk].tolist()
            if use is not None:
                names = [names[position] for position in use if position < len(names)]
            found.append((folder + names[0],) if len(names) == 1 else tuple([folder + n for n in names]))
        return found

    def table(self, kept: np.ndarray) -> SequenceTable:
        """The walks at these positions."""
        listing, sources = self.listing, replace(self, listing=self.listing.of_files())
        kind = listing.view_owner[kept]
        codes = np.stack([listing.type_owner[kind], listing.type_name[kind], listing.view_name[kept]])
        return SequenceTable([listing.labels, listing.types, listing.views], codes, sources, kept)


def choose_inputs(
    root: str,
    listing: Listing,
    data_in_use: Sequence[bool] | Sequence[int] | None,
    log: FindingLog,
    streams: Sequence[Stream] | None = None,
) -> SequenceTable:
    """The walks with the files that are used as inputs; a bool mask, or positions in the order wanted.

    Every sequence must have the same number of inputs, one for each of ``streams`` where they are given:
    those that differ (from the most) are errors.
    """
    walks = np.flatnonzero(listing.count)
    use = None if data_in_use is None else _positions(data_in_use)
    most = int(listing.count.max(initial=0))
    used = [count if use is None else sum(p < count for p in use) for count in range(most + 1)]
    numbers = np.array(used, np.int64)[listing.count[walks]]
    often = Counter(numbers.tolist())
    usual = max(often, key=lambda number: (often[number], -number), default=0)
    if use is not None:
        usual = len(use)
    if streams is not None:
        usual = len(streams)
    for walk in walks[numbers != usual].tolist():
        number = used[int(listing.count[walk])]
        log.error(
            f"view folders give {number} input files, expected {usual}",
            "add the missing files, remove the surplus ones, or choose inputs with "
            "data_cfg.data_in_use (null: all files of a folder)",
            os.path.join(*listing.place(walk)),
        )
    return FileSources(root, listing, use).table(walks[numbers == usual])


def choose_by_name(
    root: str, listing: Listing, patterns: Mapping[str, str], log: FindingLog
) -> SequenceTable:
    """The walks with the files of streams, each found by a pattern; walks that lack one are errors."""
    walks = np.flatnonzero(listing.count)
    found = np.zeros((len(listing), len(patterns)), np.int32)
    kept = []
    for walk in walks.tolist():
        names = listing.names_of(walk)
        files = [
            [place for place, name in enumerate(names) if fnmatchcase(name, pattern)]
            for pattern in patterns.values()
        ]
        for (stream, pattern), own in zip(patterns.items(), files, strict=True):
            if len(own) != 1:
                log.error(
                    f"view folders have {len(own)} files {pattern!r} of the stream {stream!r}, expected 1",
                    "correct the pattern in data_cfg.files, or add or remove files",
                    os.path.join(*listing.place(walk)),
                )
        if all(len(own) == 1 for own in files):
            found[walk] = [own[0] for own in files]
            kept.append(walk)
    return FileSources(root, listing, None, found).table(np.array(kept, np.int64))


def _positions(use: Sequence[bool] | Sequence[int]) -> list[int]:
    if isinstance(use[0], bool):
        return [place for place, used in enumerate(use) if used]
    return list(use)


class _Names:
    """Distinct names, numbered as they come."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        return self.known.setdefault(name, len(self.known))

    def codes(self, names: Iterable[str]) -> np.ndarray:
        """Their numbers, int32."""
        return np.array([self(name) for name in names], np.int32)


def _within(numbers: np.ndarray, bound: int) -> bool:
    """Whether none is below 0, or the bound or above."""
    return not len(numbers) or bool(numbers.min() >= 0 and numbers.max() < bound)


def _starts(sizes: Sequence[int]) -> list[int]:
    """Where each of several begins where they lie one after the other."""
    return list(accumulate(sizes, initial=0))[:-1]


def _below(owner: np.ndarray, above: int, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the folders below these, and the places of those above among the chosen ones.

    Args:
        owner: number of the folder above, of each folder, rising.
        above: how many folders there are above.
        chosen: numbers of some of these.
    """
    bounds = np.searchsorted(owner, np.arange(above + 1))
    counts = bounds[chosen + 1] - bounds[chosen]
    ends = np.cumsum(counts)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - counts, counts)
    places = np.repeat(np.arange(len(chosen), dtype=np.int32), counts)
    return np.repeat(bounds[chosen], counts) + within, places
