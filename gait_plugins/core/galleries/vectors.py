"""Vector files: embeddings in numbered slots of equal size, and the record of a change that is under way.

A slot is read and written where it lies; no other is touched. The file is read by position, not mapped: its
pages then count for the system's cache and not for the process, and a file that another process shortens
ends no reader.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gait_plugins.io.atomic import sync_folder

PRIVATE = 0o600
"""Mode of every file of a gallery: its owner alone."""
_PENDING, _ENDING = "pending-", ".json"


class VectorFile:
    """Embeddings in slots, the parts of each in a row: ``[p, c]``.

    Args:
        path: the file; it is there.
        shape: channels and parts.
        dtype: ``float16`` or ``float32``.
    """

    def __init__(self, path: Path, shape: tuple[int, int], dtype: str) -> None:
        channels, parts = shape
        self.path = path
        self.row = (parts, channels)
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.stride = parts * channels * self.dtype.itemsize

    def write(self, slots: Sequence[int], rows: np.ndarray) -> None:
        """Write stored rows into slots; they are on disk when this returns."""
        with open(self.path, "r+b") as file:
            for first, last, start in runs(slots):
                file.seek(start * self.stride)
                file.write(rows[first:last].tobytes())
            _sync(file)

    def erase(self, slots: Sequence[int], capacity: int) -> None:
        """Write zeros over slots, and cut off what lies beyond ``capacity`` slots."""
        with open(self.path, "r+b") as file:
            inside = sorted(slot for slot in slots if slot < capacity)
            for first, last, start in runs(inside):
                file.seek(start * self.stride)
                for _ in range(last - first):
                    file.write(bytes(self.stride))
            size = os.fstat(file.fileno()).st_size
            if size > capacity * self.stride:
                # Zeros first: blocks that are given back keep what they held.
                file.seek(capacity * self.stride)
                for _ in range(-(-(size - capacity * self.stride) // self.stride)):
                    file.write(bytes(self.stride))
                _sync(file)
                file.truncate(capacity * self.stride)
            _sync(file)

    def read(self, file: BinaryIO, slots: np.ndarray) -> np.ndarray:
        """Stored rows ``[n, p, c]`` of slots; what lies beyond the file's end is zero."""
        rows = np.zeros((len(slots), *self.row), self.dtype)
        whole = rows.reshape(-1).view(np.uint8)
        for first, last, start in runs(slots):
            file.seek(start * self.stride)
            place = whole[first * self.stride : last * self.stride]
            while len(place):
                got = file.readinto(place)  # type: ignore[attr-defined]
                if not got:
                    break
                place = place[got:]
        return rows


def runs(slots: Sequence[int] | np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Places ``first`` to ``last`` in a list of slots that follow each other, and the first one's slot."""
    numbers = np.asarray(slots, np.int64)
    if not len(numbers):
        return
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    for first, last in zip([0, *breaks.tolist()], [*breaks.tolist(), len(numbers)], strict=True):
        yield first, last, int(numbers[first])


def note_pending(folder: Path, slots: Sequence[int]) -> Path:
    """Record slots that are about to be written or given up; the record is on disk when this returns."""
    path = folder / f"{_PENDING}{uuid.uuid4().hex}{_ENDING}"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with open(handle, "w", encoding="ascii") as file:
        json.dump([int(slot) for slot in slots], file)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)
    return path


def read_pending(folder: Path) -> dict[Path, list[int]]:
    """The records of changes that are under way or were broken off: record -> its slots."""
    found = {}
    for path in sorted(folder.glob(f"{_PENDING}*{_ENDING}")):
        slots: list[int] = []
        # A record that was not written to its end is of a change that had not begun.
        with suppress(ValueError, OSError):
            slots = [int(slot) for slot in json.loads(path.read_text(encoding="ascii"))]
        found[path] = slots
    return found


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
