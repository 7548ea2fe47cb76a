"""Reading of every sequence for a census: what is odd about frames, by one process or by several."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from gait_plugins.api.census.processes import in_pieces, number_of_processes
from gait_plugins.api.census.silhouettes import SILHOUETTES, Silhouettes, unremarkable
from gait_plugins.api.progress import Job
from gait_plugins.api.report import FindingLog
from gait_plugins.api.sequence import SequenceRef, SequenceTable
from gait_plugins.api.stream import Stream
from gait_plugins.errors import DataError
from gait_plugins.io.ragged import Frames, Ragged

SHORT = 15
"""Frames below which a walk is less than half a gait cycle at 30 frames a second."""
_PIECE = 64
"""Sequences that a process is given at a time, where there are few of them."""
_PIECES = 500
"""Of many sequences: so many pieces, so that handing them over is nothing beside reading them."""
_LARGEST_PIECE = 512
_HELD = 1 << 20
"""Bytes of frames after which those that are held are looked at; those of short sequences together."""
_DIGEST = 16

_UINT8 = np.dtype(np.uint8)

Reader = Callable[[SequenceRef, FindingLog], list[Any]]
"""Reads the frames of a sequence, and adds what is odd about its files; picklable."""


def read_all(
    log: FindingLog,
    read: Reader,
    tables: Mapping[str, SequenceTable],
    counts: dict[str, int | str],
    streams: tuple[Stream, ...] | None,
) -> None:
    """Read every sequence; how often what occurs goes to ``counts``, what is wrong to ``log``.

    What is kept of a sequence while the others are read are 28 bytes.
    """
    subsets = list(tables)
    positions = [_each_once(table) for table in tables.values()]
    total = sum(map(len, positions))
    work = Reading(read, list(tables.values()), positions, streams)
    frames: Counter[str] = Counter(dict.fromkeys(subsets, 0))
    kept = _Kept(total)
    found: dict[str, Seen] = {}
    with Job("reading sequences", total, "seq") as job:
        size = max(_PIECE, min(_LARGEST_PIECE, total // _PIECES))
        for piece in in_pieces(work, total, lambda: size, number_of_processes(total)):
            log.merge(piece.log)
            for subset, number in zip(subsets, piece.frames, strict=True):
                frames[subset] += number
            kept.add(piece)
            for name, seen in piece.seen.items():
                found.setdefault(name, Seen()).merge(seen)
            job.advance(piece.last - piece.first)
    counts.update({f"{subset} frames": number for subset, number in frames.items()})
    if kept.sizes:
        counts["frame size"] = ", ".join(_described(*size) for size in sorted(kept.sizes))
    counts.update({f"stream {name}": each.words for name, each in found.items()})
    _check_sizes(log, kept, work.name)
    _check_copies(log, kept, work.name)


def _each_once(table: SequenceTable) -> np.ndarray:
    """Positions of the sequences; of those that share all names the last, at the place of the first."""
    keys = np.zeros(len(table), np.int64)
    for part, names in enumerate(table.names):
        keys = keys * max(1, len(names)) + table.codes[part]
    _, first = np.unique(keys, return_index=True)
    if len(first) == len(keys):
        return np.arange(len(keys))
    _, back = np.unique(keys[::-1], return_index=True)
    last: np.ndarray = (len(keys) - 1 - back)[np.argsort(first)]
    return last


class PieceRead(NamedTuple):
    """What was found in sequences that follow each other."""

    first: int
    last: int
    log: FindingLog
    frames: list[int]
    """Of each subset."""
    numbers: list[int]
    """Of the sequences that could be read."""
    digests: bytes
    sizes: list[tuple[int, int] | None]
    seen: dict[str, Seen]


@dataclass(frozen=True)
class Reading:
    """Reads sequences and looks at their frames; a process is given one whole.

    Args:
        read: reads a sequence.
        tables: the sequences of each subset.
        positions: which of them, in order; all together they are numbered from 0.
        streams: what the frames are.
    """

    read: Reader
    tables: Sequence[SequenceTable]
    positions: Sequence[np.ndarray]
    streams: tuple[Stream, ...] | None

    def __call__(self, first: int, last: int) -> PieceRead:
        """The sequences from number ``first`` to before ``last``."""
        found = PieceRead(first, last, FindingLog(), [0] * len(self.tables), [], b"", [], {})
        digests: list[bytes] = []
        held: list[_Read] = []
        size = 0
        for number, subset, ref in self._refs(first, last):
            held.append(self._read(number, subset, ref))
            size += held[-1].size
            if size > _HELD:
                digests += self._examined(held, found)
                held, size = [], 0
        digests += self._examined(held, found)
        return found._replace(digests=b"".join(digests))

    def name(self, number: int) -> str:
        """``id-type-view`` of a sequence."""
        ((_, _, ref),) = self._refs(number, number + 1)
        return ref.name

    def _refs(self, first: int, last: int) -> Iterator[tuple[int, int, SequenceRef]]:
        """Number, subset and ref of some sequences."""
        begins = 0
        for subset, own in enumerate(self.positions):
            some = own[max(0, first - begins) : max(0, last - begins)]
            numbers = range(max(first, begins), max(first, begins) + len(some))
            yield from zip(numbers, repeat(subset), self.tables[subset].take(some), strict=False)
            begins += len(own)

    def _read(self, number: int, subset: int, ref: SequenceRef) -> _Read:
        log, streams = FindingLog(), self.streams
        try:
            sources = self.read(ref, log)
            if streams is not None:
                name = ref.name
                sources = [stream.checked(each, name) for stream, each in zip(streams, sources, strict=True)]
        except DataError as error:
            log.error("sequences cannot be read", error.hint or "see the message", _line(error))
            return _Read(number, subset, ref, log, None, 0)
        size = sources[0].nbytes if len(sources) == 1 else sum(each.nbytes for each in sources)
        return _Read(number, subset, ref, log, sources, size)

    def _examined(self, held: Sequence[_Read], found: PieceRead) -> list[bytes]:
        """Look at sequences in their order; the digests of those that could be read."""
        log, declared = found.log, self.streams
        kinds = declared or (SILHOUETTES,)
        with_size = isinstance(kinds[0], Silhouettes)
        digests = []
        for each, plain in zip(held, _unremarkable(kinds[0], held), strict=True):
            number, subset, ref, remarks, sources, _ = each
            log.merge(remarks)
            if sources is None:
                continue
            first = sources[0]
            frames = len(first)
            found.frames[subset] += frames
            found.numbers.append(number)
            if frames < SHORT:
                _tell_short(log, ref.name, frames)
            for stream, array in zip(kinds[plain:], sources[plain:], strict=False):
                stream.examine(array, ref.name, log)
            found.sizes.append(first.shape[-2:] if with_size and isinstance(first, np.ndarray) else None)
            for stream, array in zip(declared or (), sources, strict=False):
                found.seen.setdefault(stream.name, Seen()).note(array)
            digests.append(_digest(sources))
        return digests


class _Read(NamedTuple):
    """A sequence that was read."""

    number: int
    subset: int
    ref: SequenceRef
    log: FindingLog
    """What is odd about its files."""
    sources: list[Any] | None
    """None of one that cannot be read."""
    size: int


def _unremarkable(stream: Stream, held: Sequence[_Read]) -> list[bool]:
    """Of which sequences the frames of the first stream need no look at each alone; these are silhouettes."""
    found = [False] * len(held)
    if type(stream).examine is not Silhouettes.examine:
        return found
    alike: dict[tuple[int, ...], dict[int, np.ndarray]] = {}
    for place, each in enumerate(held):
        first = each.sources[0] if each.sources and each.size <= _HELD // 16 else None
        if isinstance(first, np.ndarray) and first.dtype == _UINT8 and first.ndim > 2 and first.size:
            alike.setdefault(first.shape[1:], {})[place] = first
    for several in alike.values():
        for place, plain in zip(several, unremarkable([*several.values()]).tolist(), strict=True):
            found[place] = plain
    return found


class _Kept:
    """What is kept of every sequence that could be read, in arrays."""

    def __init__(self, most: int) -> None:
        self.numbers = np.empty(most, np.int64)
        self.digests = np.empty(most, f"V{_DIGEST}")
        self.size_of = np.empty(most, np.int32)
        self.sizes: dict[tuple[int, int], int] = {}
        """Size of frames -> its number."""
        self.count = 0

    def add(self, piece: PieceRead) -> None:
        """What was found in a piece."""
        place = slice(self.count, self.count + len(piece.numbers))
        self.numbers[place] = piece.numbers
        self.digests[place] = np.frombuffer(piece.digests, self.digests.dtype)
        self.size_of[place] = [
            -1 if size is None else self.sizes.setdefault(size, len(self.sizes)) for size in piece.sizes
        ]
        self.count = place.stop


@dataclass
class Seen:
    """What a stream's frames are, over all sequences."""

    frames: int = 0
    shapes: set[str] = field(default_factory=set)
    rows: tuple[int, int] | None = None
    """Fewest and most of a frame."""

    def note(self, frames: Frames) -> None:
        """One sequence's."""
        self.frames += len(frames)
        if isinstance(frames, Ragged):
            self._widen((int(frames.sizes.min()), int(frames.sizes.max())))
            self.shapes.add(f"[m, {', '.join(map(str, frames.values.shape[1:]))}] {frames.dtype}")
        else:
            self.shapes.add(f"{list(frames.shape[1:])} {frames.dtype}")

    def merge(self, other: Seen) -> None:
        """What was seen of other sequences."""
        self.frames += other.frames
        self.shapes |= other.shapes
        if other.rows is not None:
            self._widen(other.rows)

    def _widen(self, rows: tuple[int, int]) -> None:
        low, high = self.rows or rows
        self.rows = (min(low, rows[0]), max(high, rows[1]))

    @property
    def words(self) -> str:
        """Its line of the report."""
        few = sorted(self.shapes)[:3] + ["..."] * (len(self.shapes) > 3)
        rows = f", m from {self.rows[0]} to {self.rows[1]}" if self.rows else ""
        return f"{self.frames} frames of {' and '.join(few)}{rows}"


def _tell_short(log: FindingLog, name: str, frames: int) -> None:
    log.warning(
        f"sequences are shorter than {SHORT} frames",
        "they show less than half a gait cycle: leave them out, or take longer tracks",
        f"{name} ({frames} frames)",
    )


def _digest(sources: list[Frames]) -> bytes:
    # Of the strong digests the fastest one, where processors have instructions for it.
    digest = hashlib.sha256()
    for source in sources:
        arrays = (source.values, source.offsets) if isinstance(source, Ragged) else (source,)
        for array in arrays:
            digest.update(_spelt(array.shape))
            digest.update(np.ascontiguousarray(array).data)
    return digest.digest()[:_DIGEST]


@lru_cache
def _spelt(shape: tuple[int, ...]) -> bytes:
    return repr(shape).encode()


def _check_copies(log: FindingLog, kept: _Kept, name: Callable[[int], str]) -> None:
    for numbers in _same(kept.digests[: kept.count]):
        # A sequence in both sets is told of already.
        first, *copies = dict.fromkeys(name(int(kept.numbers[number])) for number in numbers)
        for copy in copies:
            log.warning(
                "sequences hold the same frames as another one",
                "delete the copies (links, too): a copy is always its own nearest match",
                f"{copy} = {first}",
            )


def _same(digests: np.ndarray) -> Iterator[list[int]]:
    """Groups of equal digests, by the first of each; those of one are left out."""
    if not len(digests):
        return
    _, groups, counts = np.unique(digests, return_inverse=True, return_counts=True)
    several = np.flatnonzero(counts[groups.reshape(-1)] > 1)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for number, group in zip(several.tolist(), groups.reshape(-1)[several].tolist(), strict=True):
        members[group].append(number)
    yield from members.values()


def _check_sizes(log: FindingLog, kept: _Kept, name: Callable[[int], str]) -> None:
    if len(kept.sizes) < 2:
        return
    size_of = kept.size_of[: kept.count]
    often = np.bincount(size_of[size_of >= 0], minlength=len(kept.sizes))
    sizes = list(kept.sizes)
    usual = sizes[int(often.argmax())]
    for number, size in enumerate(sizes):
        if size == usual:
            continue
        text = f"sequences are {_described(*size)}, most are {_described(*usual)}"
        # The cut brings both to one size only where they differ by the cut alone.
        only_cut = size[0] == usual[0] and {_is_cut(*size), _is_cut(*usual)} == {True, False}
        for place in np.flatnonzero(size_of == number).tolist():
            own = name(int(kept.numbers[place]))
            if only_cut:
                log.warning(text, "use BaseSilCuttingTransform, which cuts uncut frames only", own)
            else:
                log.error(text, "resize all sequences to one size", own)


def _is_cut(height: int, width: int) -> bool:
    return width * 64 == height * 44


def _described(height: int, width: int) -> str:
    state = "uncut" if width == height else "cut" if _is_cut(height, width) else "neither 1:1 nor 64:44"
    return f"{height}x{width} ({state})"


def _line(error: DataError) -> str:
    return f"{error.where}: {error.message}" if error.where else error.message
