"""Writer of packed data files: gathers bytes into arrays of moderate size, in one file or in parts."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.archive import Archive
from gait_plugins.io.atomic import whole_file
from gait_plugins.io.dataset_file import PackedFile
from gait_plugins.io.packed_index import FORM, RECORD, places_of, stamp_of
from gait_plugins.io.printable import printable
from gait_plugins.prepare.packing.columns import Names, Piece


class Writer:
    """Takes pieces in order, and remembers where everything went.

    Args:
        path: the file.
        count: sequences that will come.
        parts: files that take the frames, the same number of sequences each; 1: the file itself.
        chunk: bytes of frames that are held in memory before they are written, and of one array in a file.
        files: keeps the files open, and makes them appear as it ends.
    """

    def __init__(self, path: Path, count: int, parts: int, chunk: int, files: ExitStack) -> None:
        self.columns: Names = ()
        self._path, self._limit, self._files = path, chunk, files
        self._index = _Archive(files.enter_context(whole_file(path)))
        self._ends = [count * (part + 1) // parts for part in range(parts)]
        self._part: _Archive | None = self._index if parts == 1 else None
        self._written: list[tuple[dict[str, object], np.ndarray]] = []
        self._records: list[np.ndarray] = []
        self._forms: list[np.ndarray] = []
        self._rows = self._chunk = self._size = 0
        self._held: list[memoryview] = []

    @property
    def in_parts(self) -> bool:
        """Whether the frames lie in other files than the index."""
        return len(self._ends) > 1

    def add(self, piece: Piece) -> None:
        """The sequences that follow."""
        if self._records and piece.names != self.columns:
            raise DataError(
                f"{printable(piece.first.name)} has {_counted(piece.names)}, "
                f"but earlier sequences have {_counted(self.columns)}",
                hint="every sequence needs the same inputs; choose them with --input",
            )
        self.columns = piece.names
        k, done, place, data = len(piece.names), 0, 0, memoryview(piece.data)
        while done < len(piece.records):
            if self.in_parts and self._part is None:
                self._begin_part()
            end = self._ends[len(self._written)] if self.in_parts else self._ends[0]
            count = min(len(piece.records) - done, end - self._rows)
            sizes = piece.sizes[done * k : (done + count) * k]
            total = int(sizes.sum())
            self._place(piece.records[done : done + count], sizes, data[place : place + total])
            self._rows, done, place = self._rows + count, done + count, place + total
            if self.in_parts and self._rows == end:
                self._end_part()
        self._records.append(piece.records)
        self._forms.append(piece.forms)

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Write what is held; the places and the forms of everything, ``[n, k]``."""
        if not self.in_parts:
            self._flush()
            return self._tables()
        self.put("parts", np.array(json.dumps([part for part, _ in self._written])))
        self.put("chunks", np.concatenate([places for _, places in self._written]))
        return self._tables()

    def put(self, name: str, array: np.ndarray) -> None:
        """Write an array of the file."""
        self._index.put(name, array)

    def close(self) -> None:
        """Write the directory of the file, to which nothing is added."""
        self._index.close()

    def abandon(self) -> None:
        """End files that are not whole, and will not appear."""
        for archive in (self._index, self._part):
            if archive is not None:
                with suppress(OSError, ValueError):
                    archive.abandon()

    def _tables(self) -> tuple[np.ndarray, np.ndarray]:
        return _joined(self._records, RECORD), _joined(self._forms, FORM)

    def _place(self, records: np.ndarray, sizes: np.ndarray, data: memoryview) -> None:
        """Give arrays their places: in the chunk at hand while they fit, else in the next one."""
        chunks, starts = np.empty(len(sizes), np.int64), np.empty(len(sizes), np.int64)
        first = place = 0
        while first < len(sizes):
            ends = self._size + np.cumsum(sizes[first:])
            fit = int(np.searchsorted(ends, self._limit, side="right"))
            if fit == 0 and self._size:
                self._flush()
                continue
            fit = max(1, fit)  # one that is larger than a chunk has one of its own
            chunks[first : first + fit] = self._chunk
            starts[first : first + fit] = (ends - sizes[first:])[:fit]
            count = int(ends[fit - 1]) - self._size
            self._held.append(data[place : place + count])
            self._size, first, place = int(ends[fit - 1]), first + fit, place + count
        records["chunk"] = chunks.reshape(records.shape)
        records["start"] = starts.reshape(records.shape)

    def _flush(self) -> None:
        assert self._part is not None
        self._part.put(f"frames_{self._chunk}", np.frombuffer(b"".join(self._held), np.uint8))
        self._chunk, self._held, self._size = self._chunk + 1, [], 0

    def _begin_part(self) -> None:
        number, of = len(self._written) + 1, len(self._ends)
        name = part_name(self._path, number, of)
        self._part = _Archive(self._files.enter_context(whole_file(self._path.with_name(name))))
        self._first = self._chunk

    def _end_part(self) -> None:
        assert self._part is not None
        self._flush()
        self._part.put("part_of", np.array(self._path.name))
        stamp, places = self._part.close(self._first, len(self._written))
        name = part_name(self._path, len(self._written) + 1, len(self._ends))
        self._written.append(({"name": name, "stamp": stamp}, places))
        self._part = None


class _Archive:
    """An archive that is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)

    def put(self, name: str, array: np.ndarray) -> None:
        """Write an array of it."""
        # Without the time of day the same data give the same bytes.
        member = zipfile.ZipInfo(f"{name}.npy")
        # The size that an array of an archive may grow to must be known before it is written.
        large = array.nbytes > zipfile.ZIP64_LIMIT // 2
        with self._zip.open(member, "w", force_zip64=large) as to:
            np.lib.format.write_array(to, array, allow_pickle=False)

    def abandon(self) -> None:
        """End it, whatever it holds."""
        self._zip.close()

    def close(self, first: int = 0, part: int = 0) -> tuple[int, np.ndarray]:
        """End it; its stamp, and the places of its arrays of frames."""
        self._zip.close()
        self._file.flush()
        with open(self._file.name, "rb") as written:
            archive = Archive(written)
            return stamp_of(archive.members.values()), places_of(written, archive, first, part)


@contextmanager
def writing(path: Path, count: int, parts: int, chunk: int) -> Iterator[Writer]:
    """A writer whose files appear once all of them are whole, that of the index last.

    Parts of a data set that was there before under this name, and are none any longer, are removed.
    """
    before = _parts_of(path)
    with ExitStack() as files:
        writer = Writer(path, count, parts, chunk, files)
        try:
            yield writer
            writer.close()
        except BaseException:
            writer.abandon()
            raise
    now = {part_name(path, number + 1, parts) for number in range(parts)} if parts > 1 else set()
    for old in before:
        if old.name not in now:
            old.unlink(missing_ok=True)


def part_name(path: Path, number: int, of: int) -> str:
    """``set-00001-of-00004.npz``."""
    return f"{path.stem}-{number:05d}-of-{of:05d}{path.suffix}"


def _parts_of(path: Path) -> list[Path]:
    try:
        return [Path(part) for part in PackedFile(str(path)).parts] if path.exists() else []
    except DataError:
        return []  # what is not a packed data file has no parts


def _joined(blocks: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    return np.concatenate(blocks) if blocks else np.empty((0, 0), dtype)


def _counted(columns: Names) -> str:
    plain = [name for name, _ in columns] == ["frames"] * len(columns)
    return f"{len(columns)} arrays" + ("" if plain else f" ({', '.join(name for name, _ in columns)})")
