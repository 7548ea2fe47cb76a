"""Remote files: read by place through a store, the index from a cache on disk, frames by range."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from gait_plugins.io.open_file import OpenFile
from gait_plugins.io.remote.cache import cached, keep
from gait_plugins.io.remote.store import fetched, found, needs_ranges, read

BLOCK = 256 << 10
"""Bytes of an index that are fetched at least."""
_MOST = 16 << 20
"""Bytes that are fetched at once as an index is read on and on."""
_HEAD = struct.Struct("<8sQ")
_MARK = b"GPINDEX1"
_KIND = "index"


class RemoteFile:
    """A file of a store, read at any place; what :class:`OpenFile` is for files on this machine.

    Whatever is read through ``stream(index=True)`` is kept on disk until the file is another one: the tables
    of a packed data file are fetched once. All else is read by range when it is asked for.

    Args:
        address: masked; see ``io/remote/address.py``.

    Raises:
        DataError: it is not there, may not be read, or its server gives no parts of files.
    """

    def __init__(self, address: str) -> None:
        self.path = address
        self._found = found(address)
        self.size = self._found.size
        self._index = _Index(self)
        if not self._index.is_saved:
            needs_ranges(address, self.size)

    @property
    def stamp(self) -> str:
        """What the store says of this state of the file."""
        return f"{self._found.size} bytes, {self._found.stamp}"

    @property
    def is_stamped(self) -> bool:
        """Whether the store says something that changes when the file is written anew."""
        return bool(self._found.stamp)

    def read(self, start: int, count: int) -> bytes:
        """So many bytes from a place on.

        Raises:
            EOFError: the file ends before them.
            DataError: they cannot be had.
        """
        if start + count > self.size:
            raise EOFError(f"the file ends at {self.size} bytes")
        data = self.kept(start, count)
        return read(self.path, start, count, self._found.stamp) if data is None else data

    def kept(self, start: int, count: int) -> bytes | None:
        """Bytes of the index, where all of them are kept."""
        return self._index.get(start, count)

    def stream(self, *, index: bool = False) -> BinaryIO:
        """The file for readers that seek in it.

        Args:
            index: what is read belongs to the index, and is kept.
        """
        return io.BufferedReader(_Stream(self, self._index if index else None), BLOCK)

    def has_changed(self) -> bool:
        """Whether someone has written to the file since it was opened."""
        return found(self.path) != self._found


class _Index:
    """Blocks of a file that are kept: in memory as they come, on disk from the end of the reading on."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._new: dict[int, bytes] = {}
        self._places: dict[int, int] = {}
        self._saved: OpenFile | None = None
        self._next, self._ahead = -1, 1
        path = cached(file.path, _KIND)
        if path is not None and path.is_file():
            with suppress(OSError, ValueError, KeyError, struct.error, EOFError):
                self._open(OpenFile(path))

    @property
    def is_saved(self) -> bool:
        return self._saved is not None

    def get(self, start: int, count: int) -> bytes | None:
        """Bytes, where all of them are kept."""
        if not self._new and not self._places:
            return None
        blocks = range(start // BLOCK, -(-(start + count) // BLOCK))
        parts = []
        for number in blocks:
            at = number * BLOCK
            data = self._part(number, max(start - at, 0), min(start + count - at, BLOCK))
            if data is None:
                return None
            parts.append(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def fetch(self, start: int, count: int) -> bytes:
        """Bytes, fetched where they are not kept yet, and kept from here on."""
        first, last = start // BLOCK, -(-(start + count) // BLOCK)
        number = first
        while number < last:
            if number in self._new or number in self._places:
                number += 1
                continue
            # Who reads on and on gets more at once.
            self._ahead = min(2 * self._ahead, _MOST // BLOCK) if number == self._next else 1
            end = max(number + self._ahead, last)
            end = next((n for n in range(number, end) if n in self._new or n in self._places), end)
            begin, stop = number * BLOCK, min(end * BLOCK, self._file.size)
            data = fetched(self._file.path, begin, stop - begin)
            for at in range(0, len(data), BLOCK):
                self._new[number + at // BLOCK] = data[at : at + BLOCK]
            number = self._next = end
        kept = self.get(start, count)
        assert kept is not None
        return kept

    def save(self) -> None:
        """Keep on disk what was fetched, with what was there."""
        if not self._new:
            return
        numbers = sorted({*self._new, *self._places})
        sizes = [min(BLOCK, self._file.size - number * BLOCK) for number in numbers]
        head = json.dumps(
            {"address": self._file.path, "stamp": self._file.stamp, "blocks": numbers, "sizes": sizes}
        ).encode()
        path = cached(self._file.path, _KIND)
        keep(path, [_HEAD.pack(_MARK, len(head)), head, *self._blocks(numbers, sizes)])
        if path is not None and path.is_file():
            with suppress(OSError, ValueError, KeyError, struct.error, EOFError):
                self._open(OpenFile(path))
                self._new.clear()

    def _blocks(self, numbers: list[int], sizes: list[int]) -> Iterator[bytes]:
        for number, size in zip(numbers, sizes, strict=True):
            yield self._part(number, 0, size) or b""

    def _part(self, number: int, start: int, end: int) -> bytes | None:
        if number in self._new:
            return self._new[number][start:end]
        if number in self._places and self._saved is not None:
            return self._saved.read(self._places[number] + start, end - start)
        return None

    def _open(self, file: OpenFile) -> None:
        """Take a file of the cache, where it belongs to this state of the remote one."""
        mark, length = _HEAD.unpack(file.read(0, _HEAD.size))
        if mark != _MARK or length > _MOST:
            raise ValueError("no index")
        head = json.loads(file.read(_HEAD.size, length))
        if head["stamp"] != self._file.stamp or not self._file.is_stamped:
            raise ValueError("the index of another state of the file")
        places, at = {}, _HEAD.size + length
        for number, size in zip(head["blocks"], head["sizes"], strict=True):
            places[int(number)] = at
            at += int(size)
        file.read(at - 1, 1)  # all of it is there
        self._saved, self._places = file, places


class _Stream(io.RawIOBase):
    """A remote file for readers that seek in it."""

    def __init__(self, file: RemoteFile, index: _Index | None) -> None:
        self._file, self._index = file, index
        self._place = 0
        self._begin, self._held = 0, b""
        self._ahead = BLOCK

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        if start + offset < 0:
            raise ValueError("a place before the beginning of the file")
        self._place = start + offset
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = max(0, min(len(buffer), self._file.size - self._place))
        if count:
            index = self._index
            buffer[:count] = self._bytes(count) if index is None else index.fetch(self._place, count)
            self._place += count
        return count

    def _bytes(self, count: int) -> bytes:
        """The next bytes; who reads on and on gets more at once, and nobody else needs them."""
        kept = self._file.kept(self._place, count)
        if kept is not None:
            return kept
        at = self._place - self._begin
        if not (at >= 0 and at + count <= len(self._held)):
            follows = at == len(self._held) and bool(self._held)
            self._ahead = min(2 * self._ahead, _MOST) if follows else BLOCK
            size = min(max(count, self._ahead), self._file.size - self._place)
            self._begin, at = self._place, 0
            self._held = fetched(self._file.path, self._place, size)
        return self._held[at : at + count]

    def close(self) -> None:
        if not self.closed and self._index is not None:
            self._index.save()
        super().close()
