"""Open files: regular files that are read by place, while others may write to them."""

from __future__ import annotations

import errno
import math
import os
import stat
import threading
import weakref
from typing import BinaryIO

import numpy as np

from gait_plugins.io.folders import SPECIAL

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""A pipe is opened at once, even if nobody writes to it."""
_seeking = threading.Lock()


class OpenFile:
    """A file that is kept open, whatever takes its name later, and read at any place.

    Processes that are forked may share it. It is read, and not memory-mapped: a mapped file that someone
    makes shorter ends the process without a word.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._handle = os.open(path, _FLAGS)
        self.close = weakref.finalize(self, os.close, self._handle)
        """Close it; it is closed with its last user at the latest."""
        found = os.fstat(self._handle)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            if stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            raise OSError(errno.EINVAL, SPECIAL, str(path))
        self._found = (found.st_size, found.st_mtime_ns)

    def read(self, start: int, count: int) -> bytes:
        """So many bytes from a place on.

        Raises:
            EOFError: the file ends before them.
        """
        data = _read(self._handle, count, start)
        while len(data) < count:  # more than the system reads at once
            more = _read(self._handle, count - len(data), start + len(data))
            if not more:
                raise EOFError(f"the file ends at {os.fstat(self._handle).st_size} bytes")
            data += more
        return data

    def stream(self, *, index: bool = False) -> BinaryIO:
        """The file for readers that seek in it; processes that are forked share the place.

        Args:
            index: what is read belongs to an index; nothing of a file on this machine needs to be kept.
        """
        return open(self._handle, "rb", closefd=False)

    def has_changed(self) -> bool:
        """Whether someone has written to the file since it was opened."""
        found = os.fstat(self._handle)
        return (found.st_size, found.st_mtime_ns) != self._found


class ArrayFile:
    """The array of an ``.npy`` file, whose rows are read when they are asked for.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be opened, or is no regular file.
        ValueError: it holds no array, or one that is not stored row by row, or not all of it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = OpenFile(path)
        with self._file.stream() as file:
            version = np.lib.format.read_magic(file)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            self.shape, by_columns, self.dtype = read(file)
            self._start, size = file.tell(), os.fstat(file.fileno()).st_size
        if by_columns or self.dtype.hasobject or not self.shape:
            raise ValueError("the array is not stored row by row")
        self._row = math.prod(self.shape[1:]) * self.dtype.itemsize
        if size - self._start < self._row * self.shape[0]:
            raise ValueError(f"the file ends at {size} bytes, in the middle of the array")

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, row: int) -> np.ndarray:
        """A row, read-only.

        Raises:
            EOFError: the file has become shorter.
        """
        data = self._file.read(self._start + row * self._row, self._row)
        return np.frombuffer(data, self.dtype).reshape(self.shape[1:])


def _read(handle: int, count: int, start: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(handle, count, start)
    with _seeking:  # Windows, which forks no processes
        os.lseek(handle, start, os.SEEK_SET)
        return os.read(handle, count)
