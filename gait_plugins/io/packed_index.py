"""Index of a packed data file: tables that are checked as a whole and read in place, and where frames lie."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.archive import Archive, DamagedArchive, Member
from gait_plugins.io.remote.opening import ByPlace, beside, opened

SEQUENCE = np.dtype([("label", "<i4"), ("type", "<i4"), ("view", "<i4")])
RECORD = np.dtype(
    [
        ("chunk", "<i4"),
        ("start", "<i8"),
        ("shape", "<i4", 4),
        ("bits", "u1"),
        ("first", "<i4"),
        ("last", "<i4"),
        ("crc32", "<u4"),
    ]
)
FORM = np.dtype([("dtype", "S8"), ("rank", "u1"), ("shape", "<i8", 6)])
_BLOCK = 4096
"""Sequences whose rows are looked at together."""


class Rows:
    """A table ``[n, k]`` of a file: its bytes are verified once, and rows are read when they are asked for.

    A process holds nothing of it, however long it is. It is not memory-mapped: a mapped file that someone
    makes shorter ends the process without a word.

    Args:
        file: the file.
        archive: its archive.
        name: of the table.
        shape: n and k, as the file's other tables say them.

    Raises:
        DamagedArchive: its bytes are not those that were written.
        KeyError: there is no such table.
        ValueError: it is another one.
    """

    def __init__(self, file: ByPlace, archive: Archive, name: str, shape: tuple[int, int]) -> None:
        self.shape = shape
        member = archive.members[f"{name}.npy"]
        self._file = file
        self._held: np.ndarray | None = None
        if member.packed != member.size:  # somebody has compressed it
            self._held = archive.array(name).reshape(shape)
            self.dtype = self._held.dtype
            return
        archive.check_member(member)
        with file.stream(index=True) as stream:
            self._start, found, self.dtype = array_header(stream, member)
        size = int(np.prod(shape, dtype=np.int64))
        room = member.start + member.size - self._start
        if int(np.prod(found, dtype=np.int64)) != size or room != size * self.dtype.itemsize:
            raise ValueError(f"the table {name!r} has shape {list(found)}, expected {list(shape)}")
        if self.dtype.hasobject:
            raise ValueError(f"the table {name!r} holds Python objects")
        self._bytes = self.dtype.itemsize * shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, row: int) -> np.ndarray:
        """A row, ``[k]``.

        Raises:
            EOFError, OSError: the file has become shorter, or cannot be read.
        """
        if self._held is not None:
            found: np.ndarray = self._held[row]
            return found
        return np.frombuffer(self._file.read(self._start + row * self._bytes, self._bytes), self.dtype)

    def blocks(self) -> Iterator[np.ndarray]:
        """All rows, some thousands at a time, ``[m, k]``; one block without rows of an empty table."""
        for first in range(0, max(1, len(self)), _BLOCK):
            count = min(_BLOCK, len(self) - first)
            if self._held is not None:
                yield self._held[first : first + count]
            else:
                data = self._file.read(self._start + first * self._bytes, count * self._bytes)
                yield np.frombuffer(data, self.dtype).reshape(count, self.shape[1])


class Part(NamedTuple):
    """One of the files that hold the frames."""

    name: str
    """Beside the index; empty: the frames lie in the file of the index itself."""
    stamp: int
    """See :func:`stamp_of`."""


class Chunks:
    """Where the arrays of frames lie: in the file itself, or in its parts, which are opened when needed.

    Args:
        file: the file of the index.
        archive: its archive.
        where: its path.

    Raises:
        ValueError, DamagedArchive: what the file says of its frames is impossible.
    """

    def __init__(self, file: ByPlace, archive: Archive, where: str) -> None:
        self.where = where
        self.parts = _parts(archive) if "parts.npy" in archive.members else [Part("", 0)]
        if self.parts[0].name:
            self.places = archive.array("chunks").astype(np.int64, copy=False).reshape(-1, 3)
            known = (self.places >= 0).all() and (self.places[:, 0] < len(self.parts)).all()
            if not known or (np.diff(self.places[:, 0]) < 0).any():
                raise ValueError("the table of its arrays of frames holds impossible values")
        else:
            with file.stream(index=True) as stream:
                self.places = places_of(stream, archive, 0)
        self._files: dict[int, ByPlace] = {} if self.parts[0].name else {0: file}

    @property
    def sizes(self) -> np.ndarray:
        """Bytes of each array of frames, int64 ``[c]``."""
        sizes: np.ndarray = self.places[:, 2]
        return sizes

    def read(self, chunk: int, start: int, count: int) -> bytes:
        """Bytes of an array of frames.

        Raises:
            EOFError, OSError: the file has become shorter, or cannot be read.
            DataError: a part is missing, or another one than the index was written with.
        """
        part, offset, _ = self.places[chunk].tolist()
        return self.part(part).read(offset + start, count)

    def has_changed(self) -> bool:
        """Whether someone has written to a file in use since it was opened."""
        return any(file.has_changed() for file in self._files.values())

    def part(self, number: int) -> ByPlace:
        """A part, opened when it is first needed."""
        if number not in self._files:
            self._files[number] = self._opened(number)
        return self._files[number]

    def path(self, number: int) -> str:
        """Where a part lies."""
        return beside(self.where, self.parts[number].name)

    def _opened(self, number: int) -> ByPlace:
        first = int(np.searchsorted(self.places[:, 0], number))
        try:
            file = opened(self.path(number))
            with file.stream(index=True) as stream:
                archive = Archive(stream)
                places = places_of(stream, archive, first, number)
        except (OSError, ValueError, DamagedArchive) as error:
            raise DataError(
                f"the part number {number + 1} of the packed data set cannot be read: "
                f"{getattr(error, 'strerror', None) or error}",
                where=self.path(number),
                hint=f"all {len(self.parts)} parts are expected beside {self.where}: copy them together, or "
                "pack the data again",
            ) from error
        same = np.array_equal(places, self.places[self.places[:, 0] == number])
        if not same or stamp_of(archive.members.values()) != self.parts[number].stamp:
            raise DataError(
                f"this is not the part number {number + 1} that the packed data set was written with",
                where=self.path(number),
                hint=f"copy all files of one packing together: {self.where} and its "
                f"{len(self.parts)} parts, or pack the data again",
            )
        return file


def _parts(archive: Archive) -> list[Part]:
    try:
        found = json.loads(str(archive.array("parts")))
        parts = [Part(str(each["name"]), int(each["stamp"])) for each in found]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("the list of its parts cannot be read") from error
    if not parts or not all(part.name and "/" not in part.name and "\\" not in part.name for part in parts):
        raise ValueError("the list of its parts holds impossible names")
    return parts


def stamp_of(members: Sequence[Any] | Any) -> int:
    """A checksum of all that an archive holds, from the names, sizes and checksums of its members."""
    listed = sorted((getattr(member, "filename", None) or member.name, *_sizes(member)) for member in members)
    return zlib.crc32(repr(listed).encode())


def _sizes(member: Any) -> tuple[int, int]:
    if isinstance(member, Member):
        return member.size, member.crc
    return member.file_size, member.CRC


def places_of(stream: BinaryIO, archive: Archive, first: int, part: int = 0) -> np.ndarray:
    """Part, first byte and size of the arrays of frames of an archive, int64 ``[c, 3]``.

    Args:
        stream: the file.
        archive: its archive.
        first: the number of its first array of frames.
        part: the number of the part that it is.
    """
    found: list[tuple[int, int, int]] = []
    while (name := f"frames_{first + len(found)}.npy") in archive.members:
        found.append((part, *_bytes_of(stream, archive.members[name])))
    return np.array(found, np.int64).reshape(-1, 3)


def _bytes_of(file: BinaryIO, member: Member) -> tuple[int, int]:
    """Where the bytes of a chunk begin in the file, and how many there are; its header is not trusted."""
    if member.packed != member.size:
        raise ValueError(f"the array {member.name} is compressed")
    start, shape, dtype = array_header(file, member)
    size = member.start + member.size - start
    if dtype != np.uint8 or shape != (size,):
        raise DamagedArchive(f"the header of the array in {member.name} does not fit its bytes")
    return start, size


def array_header(file: BinaryIO, member: Member) -> tuple[int, tuple[int, ...], np.dtype[Any]]:
    """Where the values of an array begin in the file, its shape and its dtype.

    Raises:
        DamagedArchive: its header cannot be read.
    """
    file.seek(member.start)
    try:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, by_columns, dtype = read(file)
    except Exception as error:  # a damaged header may raise anything
        raise DamagedArchive(f"the header of the array in {member.name} cannot be read") from error
    if by_columns and len(shape) > 1 and 1 not in shape:
        raise DamagedArchive(f"the array in {member.name} is stored by columns")
    return file.tell(), shape, dtype


def check_sequences(names: tuple[list[str], ...], sequences: np.ndarray) -> None:
    """Raise ``ValueError`` where sequences are not sorted or have names that are not there."""
    sizes = [len(part) for part in names]
    for part, size in zip(SEQUENCE.names or (), sizes, strict=True):
        codes = sequences[part]
        if len(codes) and not 0 <= codes.min() <= codes.max() < size:
            break
    else:
        if not (np.diff(sequences["label"]) < 0).any():
            return
    raise ValueError("the sequences are not sorted, or refer to names that the file does not hold")


def check_records(records: Rows, sizes: np.ndarray) -> None:
    """Raise ``ValueError`` where places of frames are impossible: they are trusted from here on.

    Args:
        records: the table of places.
        sizes: bytes of each array of frames.
    """
    odd = sum(_impossible(block, sizes) for block in records.blocks())
    if odd:
        raise ValueError(f"the records of {odd} arrays hold impossible values")


def _impossible(records: np.ndarray, sizes: np.ndarray) -> int:
    frames, channels, height, width = np.moveaxis(records["shape"], -1, 0)
    row = np.where(records["bits"] == 1, -(-width // 8), width)
    possible = (
        np.isin(records["bits"], (1, 8))
        & (np.minimum(np.minimum(frames, height), width) >= 1)
        & (channels >= 0)
        & (records["chunk"] >= 0)
        & (records["chunk"] < len(sizes))
        & (records["start"] >= 0)
        & (records["first"] >= 0)
        & (records["first"] <= records["last"])
        & (records["last"] <= row)
    )
    if possible.all() and records.size:
        rows = frames.astype(np.int64) * np.maximum(channels, 1) * height
        ends = records["start"] + rows * (records["last"] - records["first"])
        possible = ends <= sizes[records["chunk"]]
    return int(np.count_nonzero(~possible))
