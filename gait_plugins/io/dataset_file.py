"""Packed data files: all sequences of a data set in one ``.npz``, each read when it is asked for.

The file is an uncompressed zip archive of ``.npy`` arrays; ``numpy.load(file)["records"]`` reads one:

- ``format``: int ``[2]``: version of this layout (2) and arrays (input sources) of a sequence, k.
- ``labels``, ``types``, ``views``: text; the distinct names.
- ``sequences``: structured ``[n]``: ``label``, ``type``, ``view``, positions in those three lists;
  sorted by label, then type, then view.
- ``records``: structured ``[n, k]``: where the frames of each array of each sequence are. ``chunk`` and
  ``start``: array of bytes and position in it; ``shape``: t, c, h, w, with c = 0 for ``[t, h, w]``;
  ``bits``: 1 or 8 a pixel; ``first``, ``last``: the bytes of a row of pixels that are kept, all others
  of the row are zero in every frame; ``crc32``: ``zlib.crc32`` of the bytes.
- ``frames_0``, ``frames_1``, ...: uint8, the bytes of the frames, row after row: at 8 bits the grey
  values, at 1 bit eight pixels a byte, the leftmost in the highest bit, each row filled up to whole
  bytes. A bit that is set stands for 255.

Everything but the frames is verified by the archive's own checksums when the file is opened, and the
frames of a sequence by ``crc32`` when they are read. Files of version 1 have no ``crc32``.

Files of version 3 hold any streams. Their arrays are the columns of ``records``, a stream has one or more:

- ``streams``: JSON text: for each stream its ``columns`` (``frames``, or ``values`` and ``offsets`` of ragged
  ones, then ``times`` where they are known) and, where the data set declares it, its ``name``, ``shape``,
  ``dtype``, ``low``, ``high``, ``clock``, ``about`` and ``kind``.
- ``forms``: structured ``[n, k]``: ``dtype``, ``rank`` and ``shape`` of an array that is kept as its bytes,
  which ``records`` then lists as one row of them; an empty ``dtype`` is an array of pixels as in version 2.

Files of version 4 hold everything but the frames, which lie in parts beside them. ``streams`` and ``forms``
are there where version 3 needs them.

- ``parts``: JSON text: for each part its ``name`` and its ``stamp``, see :func:`stamp_of`.
- ``chunks``: int64 ``[c, 3]``: for each array of frames the number of its part, its first byte in that file,
  and its bytes. A part is an archive of its arrays ``frames_I``, ``frames_I+1``, ..., numbered through all
  parts, and ``part_of``, the name of the file of version 4.

The tables ``records`` and ``forms`` are verified when a file is opened, and read in place, row by row.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.archive import Archive, DamagedArchive
from gait_plugins.io.packed_index import (
    FORM,
    Chunks,
    Rows,
    check_records,
    check_sequences,
    stamp_of,
)
from gait_plugins.io.ragged import Frames, Ragged
from gait_plugins.io.remote.opening import opened
from gait_plugins.io.stream_table import MOST_AXES, read_streams

VERSION = 4
"""The newest version that is read; a file is written as the oldest one that can hold it."""
PARTS = 4
"""The version of files whose frames lie in parts beside them."""
STREAMS = 3
"""The version of files that hold any streams."""
PIXELS = 2
"""The version of files that hold arrays of pixels alone; older programs read it."""
SUFFIX = ".npz"
NAMES = ("labels", "types", "views")
NO_FORM = (b"", 0, (0,) * 6)
"""The form of an array of pixels."""
_FEW = 12
"""Bytes of a row that are copied column by column."""
_HINT = "pack the data again: gait-plugins data pack ROOT FILE"
_IN_USE = "put the file back as it was; gait-plugins data pack takes its place only when it is complete"


class Packed(NamedTuple):
    """The bytes of an array of frames, and how to unpack them."""

    data: np.ndarray
    """uint8 ``[t (* c) * h, last - first]``."""
    bits: int
    first: int
    last: int


def pack_alike(several: np.ndarray) -> list[Packed]:
    """Arrays of one shape, each as few bytes: one bit a pixel where all are 0 or 255, else as it is.

    Args:
        several: uint8 ``[n, t, h, w]`` or ``[n, t, c, h, w]``, n >= 1.
    """
    rows = several.reshape(len(several), -1, several.shape[-1])
    binary = (rows + np.uint8(1)).reshape(len(rows), -1).max(axis=1) < 2  # one more than 255 is 0
    if binary.any() and not binary.all():
        return [packed for each in several for packed in pack_alike(each[np.newaxis])]
    data, bits = rows, 8
    if binary[0]:  # rows of whole bytes are packed at once
        bits, whole = 1, rows.shape[-1] % 8 == 0
        data = np.packbits(rows).reshape(*rows.shape[:2], -1) if whole else np.packbits(rows, axis=-1)
    held = data
    while held.shape[1] > 1:  # half of the rows laid over the others: what is held in any row
        half = held.shape[1] // 2
        over = held[:, :half] | held[:, half : 2 * half]
        over[:, 0] |= held[:, -1]
        held = over
    columns = held[:, 0] > 0
    first = columns.argmax(axis=1).tolist()
    last = (columns * np.arange(1, columns.shape[1] + 1)).max(axis=1).tolist()
    return [
        Packed(np.ascontiguousarray(each[:, begin:end]), bits, begin, end)
        for each, begin, end in zip(data, first, last, strict=True)
    ]


def unpack_frames(packed: Packed, shape: tuple[int, ...]) -> np.ndarray:
    """The frames that :func:`pack_alike` was given: uint8 of that shape, a new array."""
    width = shape[-1]
    bytes_a_row = -(-width // 8) if packed.bits == 1 else width
    data = packed.data
    if data.shape[1] < bytes_a_row:
        data = _padded(packed, bytes_a_row)
    if packed.bits == 8:
        return (data.copy() if data is packed.data else data).reshape(shape)
    pixels = np.unpackbits(data, axis=-1 if width % 8 else None, count=width if width % 8 else None)
    # 1 becomes 255: the negative of an unsigned byte.
    return np.negative(pixels, out=pixels).reshape(shape)


def is_pixels(array: np.ndarray) -> bool:
    """Whether an array is kept as rows of pixels."""
    return array.dtype == np.uint8 and array.ndim in (3, 4) and array.size > 0


def pack_any(array: np.ndarray) -> tuple[Packed, tuple[int, ...], tuple[object, ...]]:
    """An array as bytes, the shape of these, and its form.

    Args:
        array: of any numeric dtype and one to six axes, fewer than 2 GiB.

    Raises:
        ValueError: it is another one, in words.
    """
    if is_pixels(array):
        return pack_alike(array[np.newaxis])[0], array.shape, NO_FORM
    if array.dtype.kind not in "biuf" or not 1 <= array.ndim <= MOST_AXES or array.nbytes >= 1 << 31:
        raise ValueError(
            f"an array of shape {list(array.shape)} and dtype {array.dtype}, expected numbers of one to "
            f"{MOST_AXES} axes, fewer than 2 GiB"
        )
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(1, -1)
    shape = (*array.shape, *(0,) * (6 - array.ndim))
    form = (array.dtype.str.encode(), array.ndim, shape)
    return Packed(data, 8, 0, data.shape[1]), (1, 1, max(1, data.shape[1])), form


def _padded(packed: Packed, bytes_a_row: int) -> np.ndarray:
    """Whole rows: zero where no bytes were kept."""
    rows = np.zeros((len(packed.data), bytes_a_row), np.uint8)
    if packed.last - packed.first > _FEW:
        rows[:, packed.first : packed.last] = packed.data
    else:  # numpy copies short rows one by one: a column at a time is several times as fast
        for column in range(packed.first, packed.last):
            rows[:, column] = packed.data[:, column - packed.first]
    return rows


class PackedFile:
    """A packed data file, opened for reading.

    The arrays of names and places are read at once; frames are read where they are asked for, from the file
    that was opened, whatever takes its name later. It is pickled as its path, and opened again when it is
    unpickled.

    Args:
        path: the file.

    Raises:
        DataError: the file is missing, damaged, of another kind or of a future version.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with _told(path):
            self._file = opened(path)
        with _told(path), self._file.stream(index=True) as file:
            archive = Archive(file)
            self.stamp = stamp_of(archive.members.values())
            self.version, self.inputs = _format(archive, path)
            self.names = tuple([str(name) for name in archive.array(key)] for key in NAMES)
            self.sequences = archive.array("sequences")
            check_sequences(self.names, self.sequences)
            shape = (len(self.sequences), self.inputs)
            self.records = Rows(self._file, archive, "records", shape)
            if self.has_checksums and "crc32" not in (self.records.dtype.names or ()):
                raise ValueError("the records have no checksums")
            self._chunks = Chunks(self._file, archive, path)
            check_records(self.records, self._chunks.sizes)
            self.streams: list[dict[str, Any]] = []
            self.forms: Rows | None = None
            if self.version == STREAMS or (self.version > STREAMS and "streams.npy" in archive.members):
                self.forms = Rows(self._file, archive, "forms", shape)
                self.streams = _streams(archive, self.forms)

    def __len__(self) -> int:
        return len(self.sequences)

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedFile, (self.path,)

    @property
    def has_checksums(self) -> bool:
        """Whether frames are verified when they are read; those of version 1 cannot be."""
        return self.version > 1

    def name(self, row: int) -> tuple[str, str, str]:
        """Identity, type and view of a sequence."""
        label, kind, view = self.sequences[row].tolist()
        return self.names[0][label], self.names[1][kind], self.names[2][view]

    @property
    def parts(self) -> list[str]:
        """Paths of the files that hold the frames where these are others; empty: they lie in this one."""
        chunks = self._chunks
        return [chunks.path(number) for number, part in enumerate(chunks.parts) if part.name]

    def check_parts(self) -> None:
        """See that nothing of the parts has changed since they were written; reads them whole.

        Raises:
            DataError: something has, or one is missing.
        """
        for number, path in enumerate(self.parts):
            with _told(path), self._chunks.part(number).stream() as file:
                Archive(file).check()

    def length(self, row: int, stream: int = 0) -> int:
        """Frames of a sequence, of the stream at that place."""
        if self.forms is None:
            return int(self._row(self.records, row)[stream]["shape"][0])
        column, form = self._first(stream), self._row(self.forms, row)
        if self.streams[stream]["columns"][0] == "values":
            return int(form[column + 1]["shape"][0]) - 1
        found = form[column] if form[column]["dtype"] else self._row(self.records, row)[column]
        return int(found["shape"][0])

    def load(self, row: int) -> list[Any]:
        """The frames of a sequence: arrays, read-only, or ragged ones.

        Raises:
            DataError: the bytes are not those that were written.
        """
        records = self._row(self.records, row).tolist()
        if self.forms is None:
            return [self._frames(row, *record) for record in records]
        forms = self._row(self.forms, row).tolist()
        return [self._stream(row, number, records, forms) for number in range(len(self.streams))]

    def times(self, row: int) -> dict[str, np.ndarray]:
        """Stream -> when its frames were taken, where the file knows it, in seconds, float ``[t]``."""
        if not any("times" in stream["columns"] for stream in self.streams) or self.forms is None:
            return {}
        records, forms = (self._row(table, row).tolist() for table in (self.records, self.forms))
        found = {}
        for number, stream in enumerate(self.streams):
            column = self._first(number + 1) - 1
            if "times" in stream["columns"] and forms[column][2][0]:
                found[stream["name"]] = self._column(row, records[column], forms[column])
        return found

    def _row(self, table: Rows, row: int) -> np.ndarray:
        try:
            return table[row]
        except (ValueError, IndexError, EOFError, OSError) as error:
            raise self._unreadable(row, error) from error

    def _first(self, number: int) -> int:
        """The column at which a stream begins."""
        return sum(len(stream["columns"]) for stream in self.streams[:number])

    def _stream(self, row: int, number: int, records: list[Any], forms: list[Any]) -> Frames:
        first, columns = self._first(number), self.streams[number]["columns"]
        values = self._column(row, records[first], forms[first])
        if columns[:2] != ["values", "offsets"]:
            return values
        try:
            return Ragged(values, self._column(row, records[first + 1], forms[first + 1]))
        except ValueError as error:
            raise self._unreadable(row, error) from error

    def _column(self, row: int, record: Any, form: Any) -> np.ndarray:
        dtype, rank, shape = form
        if not dtype:
            return self._frames(row, *record)
        # An empty array is written as one row of no bytes, which no row of pixels can be.
        chunk, start, _, bits, first, last, *crc = record
        one_row = (1, 0, 1, last - first)
        data = self._frames(row, chunk, start, one_row, bits, first, last, *crc) if last else b""
        try:
            array = np.frombuffer(data, np.dtype(dtype.decode())).reshape(shape[:rank])
        except (ValueError, TypeError) as error:
            raise self._unreadable(row, error) from error
        array.flags.writeable = False
        return array

    def _frames(
        self, row: int, chunk: int, start: int, shape: Any, bits: int, first: int, last: int, *crc: int
    ) -> np.ndarray:
        t, c, height, width = shape
        rows = int(t) * int(c or 1) * int(height)
        columns = last - first
        sizes = (t, height, width) if c == 0 else (t, c, height, width)
        try:
            read = self._chunks.read(chunk, start, rows * columns)
            if self.has_checksums and crc != (zlib.crc32(read),):
                raise ValueError("its bytes do not match their checksum")
            data = np.frombuffer(read, np.uint8).reshape(rows, columns)
            if bits == 8 and columns == width:  # as they are: nobody else holds these bytes
                return data.reshape(sizes)
            frames = unpack_frames(Packed(data, bits, first, last), tuple(int(size) for size in sizes))
        except (ValueError, IndexError, EOFError, OSError) as error:
            raise self._unreadable(row, error) from error
        frames.flags.writeable = False
        return frames

    def _unreadable(self, row: int, error: Exception) -> DataError:
        reason = getattr(error, "strerror", None) or error
        changed = self._file.has_changed() or self._chunks.has_changed()
        return DataError(
            f"the sequence {'-'.join(self.name(row))} cannot be read: {reason}"
            + ("; the file was written to while it was in use" if changed else ""),
            where=self.path,
            hint=_IN_USE if changed else _HINT,
        )


def require_sound(path: str) -> None:
    """See that nothing of a file has changed since it was written; reads the whole file.

    Raises:
        DataError: something has, or the file cannot be read.
    """
    with _told(path):
        whole = opened(path)
        with whole.stream() as file:
            archive = Archive(file)
            archive.check()
    if "parts.npy" in archive.members:
        PackedFile(path).check_parts()


def _format(archive: Archive, path: str) -> tuple[int, int]:
    """Version and arrays of a sequence."""
    if "part_of.npy" in archive.members:
        raise DataError(
            "this is one part of a packed data set",
            where=path,
            hint=f"give the file that lies beside it: {archive.array('part_of')}",
        )
    header = archive.array("format")
    if header.shape != (2,) or not 1 <= header[0] <= VERSION:
        raise DataError(
            f"the packed data file has format {header.tolist()}, expected version 1 to {VERSION}",
            where=path,
            hint="update this package, or pack the data again",
        )
    return int(header[0]), int(header[1])


def _streams(archive: Archive, forms: Rows) -> list[dict[str, Any]]:
    """What a file says of its streams, and its arrays found to fit it."""
    if forms.dtype != FORM:
        raise ValueError("the forms of its arrays do not fit its records")
    text = str(archive.array("streams"))
    return [read_streams(text, block) for block in forms.blocks()][-1]


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"the packed data file cannot be read: {error.strerror or error}",
            where=path,
            hint=f"check that the file exists and is readable; relative paths start at {os.getcwd()}",
        ) from error
    except DamagedArchive as error:
        raise DataError(
            f"the packed data file is truncated or damaged: {error}", where=path, hint=_HINT
        ) from error
    except (KeyError, ValueError, EOFError) as error:
        raise DataError(
            f"this is not a packed data file, or a damaged one: {error}", where=path, hint=_HINT
        ) from error
