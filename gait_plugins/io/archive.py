"""Archives: zip files (.pt, .npz) that are verified wholly, by the checksums that they hold.

The usual readers trust more than they check. torch's ignores the checksums; zipfile's believes the
directory, and compares a checksum only where a member is read to its end. Here every byte of a file is
accounted for: by a header that must agree with the directory, by a member's checksum, or as filling
that no reader looks at.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import BinaryIO, NamedTuple

import numpy as np

BEGINNING = b"PK\x03\x04"
"""What an archive with members begins with."""

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_DESCRIPTORS = {
    length: struct.Struct(layout)
    for length, layout in ((12, "<3L"), (16, "<4L"), (20, "<L2Q"), (24, "<2L2Q"))
}
_DESCRIPTOR = 0x08074B50

_STORED, _DEFLATED = 0, 8
_FOLLOWS = 0x0008
"""Flag: checksum and sizes follow the bytes."""
_KNOWN_FLAGS = _FOLLOWS | 0x0006 | 0x0800
_FOLDER = 0x10
"""Attribute: the entry is a folder."""
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_ZIP64 = 1
"""Number of the extra field that holds what 32 bits cannot."""
_LONGEST_COMMENT = 0xFFFF
_BLOCK = 1 << 20
_LARGE = 32 << 20
"""Bytes of a file that several threads are worth starting for."""
_THREADS = 4
_CAN_SHARE = hasattr(os, "preadv")
"""Threads can read from one open file: each says where."""
_MOST = 1100
"""Deflated bytes grow to no more than this many times as many."""


class DamagedArchive(Exception):
    """The archive contradicts itself: the text says in which member and how."""


class Member(NamedTuple):
    """A file in the archive."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    """Bytes that it takes."""
    size: int
    """Bytes that it is."""
    header: int
    """Where its header begins."""
    start: int = 0
    """Where its bytes begin."""


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as an archive does."""
    with open(path, "rb") as file:
        return file.read(len(BEGINNING)) == BEGINNING


def verify(path: str | os.PathLike[str]) -> Archive:
    """Read a whole archive and see that nothing of it has changed since it was written.

    Raises:
        DamagedArchive: something has.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        archive = Archive(file)
        archive.check()
    return archive


class Archive:
    """An archive whose directory and headers have been checked; its members are checked when read.

    Args:
        file: open for reading; the reader keeps it.

    Raises:
        DamagedArchive: directory and headers contradict each other, or leave bytes unexplained.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._handle: int | None = None  # of a file in memory or in a store
        with suppress(io.UnsupportedOperation):
            self._handle = file.fileno()
        self.size = os.fstat(self._handle).st_size if self._handle is not None else file.seek(0, os.SEEK_END)
        directory, count, start = self._end()
        self.members = {member.name: member for member in self._located(directory, count, start)}
        if len(self.members) < count:
            raise DamagedArchive("the directory lists a name twice")

    @property
    def has_checksums(self) -> bool:
        """False for files of ``torch.save`` with ``set_crc32_options(False)``: all are zero there."""
        sizes = any(member.size for member in self.members.values())
        return any(member.crc for member in self.members.values()) or not sizes

    def check(self) -> None:
        """See that the bytes of every member are those that were written.

        Raises:
            DamagedArchive: those of a member are not.
        """
        members = sorted(self.members.values(), key=lambda member: -member.packed)
        threads = min(_THREADS, os.cpu_count() or 1) if self.size > _LARGE else 1
        if threads == 1 or not _CAN_SHARE or self._handle is None:
            for member in members:
                self.check_member(member)
            return
        with ThreadPoolExecutor(threads) as pool:  # checksums are taken outside of Python's lock
            list(pool.map(self.check_member, members))

    def check_member(self, member: Member) -> None:
        """See that the bytes of one member are those that were written; raises as :meth:`check`."""
        for _ in self._content(member):
            pass

    def read(self, name: str) -> bytes:
        """The bytes of a member.

        Raises:
            DamagedArchive: they are not those that were written.
            KeyError: there is no such member.
        """
        content = io.BytesIO()
        for part in self._content(self.members[name]):
            content.write(part)
        return content.getvalue()

    def array(self, name: str) -> np.ndarray:
        """The array of a member ``<name>.npy``; objects are refused.

        Raises:
            DamagedArchive: its bytes are not those that were written.
            KeyError: there is no such member.
            ValueError: it is no array of plain values.
        """
        content = io.BytesIO(self.read(f"{name}.npy"))
        array: np.ndarray = np.lib.format.read_array(content, allow_pickle=False)
        return array

    # --- bytes of members ---

    def _content(self, member: Member) -> Iterator[memoryview | bytes]:
        """A member's bytes, part by part; after the last one it is certain that they are right."""
        crc, size = 0, 0
        raw = self._blocks(member)
        for part in raw if member.method == _STORED else _inflated(member, raw):
            crc, size = zlib.crc32(part, crc), size + len(part)
            yield part
        if size != member.size:
            raise DamagedArchive(f"{member.name} holds {size} bytes in place of {member.size}")
        if crc != member.crc and self.has_checksums:
            raise DamagedArchive(f"{member.name} does not match its checksum")

    def _blocks(self, member: Member) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(min(_BLOCK, member.packed)))
        place, end = member.start, member.start + member.packed
        while place < end:
            got = self._read_into(buffer[: end - place], place)
            if not got:
                raise DamagedArchive(f"the file ends within {member.name}")
            place += got
            yield buffer[:got]

    def _read_into(self, buffer: memoryview, place: int) -> int:
        if _CAN_SHARE and self._handle is not None:
            return os.preadv(self._handle, [buffer], place)
        self._file.seek(place)
        return self._file.readinto(buffer)  # type: ignore[attr-defined, no-any-return]

    # --- directory and headers ---

    def _at(self, offset: int, length: int) -> bytes:
        if offset < 0 or offset + length > self.size:
            raise DamagedArchive("the directory points beyond the file")
        self._file.seek(offset)
        return self._file.read(length)

    def _end(self) -> tuple[bytes, int, int]:
        """The directory's bytes, the number of its entries, and where it begins."""
        place = self._end_record()
        _, disk, first, here, count, size, start, comment = _END.unpack(self._at(place, _END.size))
        ends = place
        if place >= _LOCATOR.size:
            mark, on, record, disks = _LOCATOR.unpack(self._at(place - _LOCATOR.size, _LOCATOR.size))
            if mark == b"PK\x06\x07":
                ends = record
                large = self._end64(record, place - _LOCATOR.size)
                _agree("the end of the directory", [(disk, 0), (first, 0), (on, 0), (disks, 1)], _FULL16)
                _agree("the end of the directory", [(here, large[1]), (count, large[1])], _FULL16)
                _agree("the end of the directory", [(size, large[0]), (start, large[2])], _FULL32)
                size, count, start = large
                disk = first = 0
                here = count
        if disk or first or here != count or start + size != ends:
            raise DamagedArchive("the end of the directory does not fit the directory")
        if place + _END.size + comment != self.size:
            raise DamagedArchive("bytes follow the directory's end")
        return self._at(start, size), count, start

    def _end_record(self) -> int:
        tail = self._at(
            max(0, self.size - _END.size - _LONGEST_COMMENT), min(self.size, _END.size + _LONGEST_COMMENT)
        )
        found = tail.rfind(b"PK\x05\x06", 0, len(tail) - _END.size + 4)
        if found < 0:
            raise DamagedArchive("the directory is missing: the file is truncated, or its end is damaged")
        return self.size - len(tail) + found

    def _end64(self, place: int, ends: int) -> tuple[int, int, int]:
        if place + _END64.size > ends:
            raise DamagedArchive("the end of the directory is damaged")
        mark, length, _, _, disk, first, here, count, size, start = _END64.unpack(
            self._at(place, _END64.size)
        )
        if mark != b"PK\x06\x06" or disk or first or here != count or place + 12 + length != ends:
            raise DamagedArchive("the end of the directory is damaged")
        return size, count, start

    def _located(self, directory: bytes, count: int, ends: int) -> Iterator[Member]:
        """The members, in the order of their places: one begins where the one before ends."""
        listed = sorted(_entries(directory), key=lambda member: member.header)
        if len(listed) != count:
            raise DamagedArchive(f"the directory lists {len(listed)} members in place of {count}")
        here = 0
        for member, following in zip(listed, [*(m.header for m in listed[1:]), ends], strict=True):
            if member.header != here:
                raise DamagedArchive(
                    f"{abs(member.header - here)} bytes before {member.name} are unexplained"
                )
            found = self._header(member)
            self._after(found, following - found.start - found.packed)
            here = following
            yield found
        if here != ends:
            raise DamagedArchive("bytes before the directory are unexplained")

    def _header(self, member: Member) -> Member:
        fixed = self._at(member.header, _LOCAL.size)
        mark, _, flags, method, _, _, crc, packed, size, name, extra = _LOCAL.unpack(fixed)
        rest = self._at(member.header + _LOCAL.size, name + extra)
        what = f"the header of {member.name}"
        if mark != BEGINNING:
            raise DamagedArchive(f"{what} is not where the directory says")
        if _FULL32 in (packed, size):
            # A header holds both sizes or none.
            held = _extra(rest[name:], what)
            size, packed = struct.unpack("<2Q", held[:16]) if len(held) >= 16 else (size, packed)
        known = [(flags, member.flags), (method, member.method)]
        later = 0 if flags & _FOLLOWS else None
        sums = [(crc, member.crc), (packed, member.packed), (size, member.size)]
        _agree(what, known, None)
        _agree(what, sums, later)
        if _text(rest[:name], flags) != member.name:
            raise DamagedArchive(f"{what} has another name")
        return member._replace(start=member.header + _LOCAL.size + name + extra)

    def _after(self, member: Member, length: int) -> None:
        """What follows the bytes of a member up to the next: nothing, or their checksum and sizes."""
        if not member.flags & _FOLLOWS:
            if length:
                raise DamagedArchive(f"{abs(length)} bytes after {member.name} are unexplained")
            return
        layout = _DESCRIPTORS.get(length)
        if layout is None:
            raise DamagedArchive(f"{abs(length)} bytes after {member.name} are unexplained")
        values = layout.unpack(self._at(member.start + member.packed, length))
        expected = (_DESCRIPTOR, member.crc, member.packed, member.size)[-len(values) :]
        _agree(f"what follows {member.name}", list(zip(values, expected, strict=True)), None)


def _entries(directory: bytes) -> Iterator[Member]:
    place = 0
    while place < len(directory):
        fixed = directory[place : place + _CENTRAL.size]
        if len(fixed) < _CENTRAL.size or not fixed.startswith(b"PK\x01\x02"):
            raise DamagedArchive("the directory is damaged")
        _, _, _, flags, method, _, _, crc, packed, size, *lengths, disk, _, attributes, header = (
            _CENTRAL.unpack(fixed)
        )
        named, extra, comment = lengths
        place += _CENTRAL.size
        name = _text(directory[place : place + named], flags)
        what = f"the entry of {name} in the directory"
        held = directory[place + named : place + named + extra]
        place += named + extra + comment
        if place > len(directory):
            raise DamagedArchive("the directory is damaged")
        size, packed, header, disk = _widened(held, (size, packed, header, disk), what)
        if disk or flags & ~_KNOWN_FLAGS or method not in (_STORED, _DEFLATED):
            raise DamagedArchive(f"{what} says that it is {_oddity(disk, flags, method)}")
        if size and (attributes & _FOLDER or name.endswith("/")):
            # torch's reader gives memory that it has not filled for such a member.
            raise DamagedArchive(f"{what} says that it is a folder")
        if method == _STORED and packed != size:
            raise DamagedArchive(f"{what} has two sizes: {packed} and {size} bytes")
        if size > packed * _MOST + _BLOCK:
            raise DamagedArchive(f"{what} says that {packed} bytes become {size}")
        yield Member(name, flags, method, crc, packed, size, header)


def _oddity(disk: int, flags: int, method: int) -> str:
    if disk:
        return f"in another file ({disk})"
    return (
        f"of an unknown kind (flags {flags:#06x})" if flags & ~_KNOWN_FLAGS else f"packed by method {method}"
    )


def _widened(extra: bytes, values: tuple[int, int, int, int], what: str) -> Iterator[int]:
    """Sizes, place and disk, where need be from the extra field: it holds only those that are full."""
    fulls = (_FULL32, _FULL32, _FULL32, _FULL16)
    if all(value != full for value, full in zip(values, fulls, strict=True)):
        yield from values
        return
    held, place = _extra(extra, what), 0
    for value, full in zip(values, fulls, strict=True):
        length = 4 if full == _FULL16 else 8
        if value == full and place + length <= len(held):
            value, place = int.from_bytes(held[place : place + length], "little"), place + length
        yield value


def _extra(fields: bytes, what: str) -> bytes:
    """The extra field of large files; empty where there is none."""
    place = 0
    while place + 4 <= len(fields):
        number, length = struct.unpack_from("<2H", fields, place)
        if place + 4 + length > len(fields):
            raise DamagedArchive(f"{what} is damaged")
        if number == _ZIP64:
            return fields[place + 4 : place + 4 + length]
        place += 4 + length
    return b""


def _text(name: bytes, flags: int) -> str:
    # Bytes that are no text stay told apart.
    return name.decode("utf-8" if flags & 0x0800 else "cp437", "surrogateescape")


def _agree(what: str, pairs: list[tuple[int, int]], unsaid: int | None) -> None:
    """Two accounts of one thing; the first one may leave it unsaid."""
    if any(here != there and here != unsaid for here, there in pairs):
        raise DamagedArchive(f"{what} does not agree with the directory")


def _inflated(member: Member, raw: Iterable[memoryview]) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    left = member.size
    try:
        for block in raw:
            pending: bytes | memoryview = block
            while True:
                # One more than is due: what is too long shows at once.
                limit = min(_BLOCK, left + 1)
                part = stream.decompress(pending, limit)
                left -= len(part)
                if part:
                    yield part
                if left < 0:
                    raise DamagedArchive(f"{member.name} holds more than {member.size} bytes")
                pending = stream.unconsumed_tail
                if not pending and len(part) < limit:
                    break
    except zlib.error as error:
        raise DamagedArchive(f"{member.name} cannot be unpacked: {error}") from error
    if not stream.eof or stream.unused_data:
        raise DamagedArchive(f"{member.name} does not end where the directory says")
