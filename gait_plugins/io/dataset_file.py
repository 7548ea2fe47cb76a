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
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.archive import Archive, DamagedArchive, Member, verify
from gait_plugins.io.open_file import OpenFile
from gait_plugins.io.ragged import Frames, Ragged
from gait_plugins.io.stream_table import MOST_AXES, read_streams

VERSION = 3
PIXELS = 2
"""The version of files that hold arrays of pixels alone; older programs read it."""
SUFFIX = ".npz"
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
NAMES = ("labels", "types", "views")
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


def pack_frames(frames: np.ndarray) -> Packed:
    """Frames as few bytes: one bit a pixel where all are 0 or 255, else as they are.

    Args:
        frames: uint8 ``[t, h, w]`` or ``[t, c, h, w]``.
    """
    rows = frames.reshape(-1, frames.shape[-1])
    binary = bool(((rows == 0) | (rows == 255)).all())
    data = np.packbits(rows, axis=-1) if binary else rows
    held = np.flatnonzero(data.any(axis=0))
    first, last = (int(held[0]), int(held[-1]) + 1) if len(held) else (0, 0)
    return Packed(np.ascontiguousarray(data[:, first:last]), 1 if binary else 8, first, last)


def unpack_frames(packed: Packed, shape: tuple[int, ...]) -> np.ndarray:
    """The frames that :func:`pack_frames` was given: uint8 of that shape, a new array."""
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
        return pack_frames(array), array.shape, (b"", 0, (0,) * 6)
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
            self._file = OpenFile(path)
        with _told(path), self._file.stream() as file:
            archive = Archive(file)
            self.stamp = _stamp(archive)
            self.version, self.inputs = _format(archive, path)
            self.names = tuple([str(name) for name in archive.array(key)] for key in NAMES)
            self.sequences = archive.array("sequences")
            self.records = archive.array("records").reshape(len(self.sequences), self.inputs)
            self._chunks = np.array([_chunk(file, member) for member in _chunks(archive)], np.int64)
            _check(self.names, self.sequences, self.records, self._chunks[:, 1])
            if self.has_checksums and "crc32" not in (self.records.dtype.names or ()):
                raise ValueError("the records have no checksums")
            self.streams: list[dict[str, Any]] = []
            self.forms: Any = None
            if self.version > PIXELS:
                self.streams, self.forms = _streams(archive, self.records)

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

    def length(self, row: int, stream: int = 0) -> int:
        """Frames of a sequence, of the stream at that place."""
        if self.forms is None:
            return int(self.records[row, stream]["shape"][0])
        column = self._first(stream)
        if self.streams[stream]["columns"][0] == "values":
            return int(self.forms[row, column + 1]["shape"][0]) - 1
        form, record = self.forms[row, column], self.records[row, column]
        return int((form if form["dtype"] else record)["shape"][0])

    def load(self, row: int) -> list[Any]:
        """The frames of a sequence: arrays, read-only, or ragged ones.

        Raises:
            DataError: the bytes are not those that were written.
        """
        if self.forms is None:
            return [self._frames(row, *record) for record in self.records[row].tolist()]
        return [self._stream(row, number) for number in range(len(self.streams))]

    def times(self, row: int) -> dict[str, np.ndarray]:
        """Stream -> when its frames were taken, where the file knows it, in seconds, float ``[t]``."""
        return {
            stream["name"]: self._column(row, self._first(number) + stream["columns"].index("times"))
            for number, stream in enumerate(self.streams)
            if "times" in stream["columns"] and self.forms[row, self._first(number + 1) - 1]["shape"][0]
        }

    def _first(self, number: int) -> int:
        """The column at which a stream begins."""
        return sum(len(stream["columns"]) for stream in self.streams[:number])

    def _stream(self, row: int, number: int) -> Frames:
        first, columns = self._first(number), self.streams[number]["columns"]
        values = self._column(row, first)
        if columns[:2] != ["values", "offsets"]:
            return values
        try:
            return Ragged(values, self._column(row, first + 1))
        except ValueError as error:
            raise self._unreadable(row, error) from error

    def _column(self, row: int, column: int) -> np.ndarray:
        record = self.records[row, column].tolist()
        dtype, rank, shape = self.forms[row, column].tolist()
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
            offset = int(self._chunks[chunk, 0]) + start
            read = self._file.read(offset, rows * columns)
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
        changed = self._file.has_changed()
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
        verify(path)


def _stamp(archive: Archive) -> int:
    """A checksum of all that the file holds, from the checksums of its members."""
    members = sorted((member.name, member.size, member.crc) for member in archive.members.values())
    return zlib.crc32(repr(members).encode())


def _format(archive: Archive, path: str) -> tuple[int, int]:
    """Version and arrays of a sequence."""
    header = archive.array("format")
    if header.shape != (2,) or not 1 <= header[0] <= VERSION:
        raise DataError(
            f"the packed data file has format {header.tolist()}, expected version 1 to {VERSION}",
            where=path,
            hint="update this package, or pack the data again",
        )
    return int(header[0]), int(header[1])


def _streams(archive: Archive, records: np.ndarray) -> tuple[list[dict[str, Any]], np.ndarray]:
    """What a file of version 3 says of its streams and arrays."""
    forms = archive.array("forms")
    if forms.dtype != FORM or forms.shape != records.shape:
        raise ValueError("the forms of its arrays do not fit its records")
    return read_streams(str(archive.array("streams")), forms), forms


def _check(
    names: tuple[list[str], ...], sequences: np.ndarray, records: np.ndarray, chunks: np.ndarray
) -> None:
    """Raise ``ValueError`` where names or places are impossible: they are trusted from here on."""
    codes = np.stack([sequences[part] for part in SEQUENCE.names or ()])
    sizes = np.array([len(part) for part in names])[:, None]
    if (codes < 0).any() or (codes >= sizes).any() or (np.diff(codes[0]) < 0).any():
        raise ValueError("the sequences are not sorted, or refer to names that the file does not hold")
    frames, channels, height, width = np.moveaxis(records["shape"], -1, 0)
    row = np.where(records["bits"] == 1, -(-width // 8), width)
    possible = (
        np.isin(records["bits"], (1, 8))
        & (np.minimum(np.minimum(frames, height), width) >= 1)
        & (channels >= 0)
        & (records["chunk"] >= 0)
        & (records["chunk"] < len(chunks))
        & (records["start"] >= 0)
        & (records["first"] >= 0)
        & (records["first"] <= records["last"])
        & (records["last"] <= row)
    )
    if possible.all():
        rows = frames.astype(np.int64) * np.maximum(channels, 1) * height
        ends = records["start"] + rows * (records["last"] - records["first"])
        possible = ends <= chunks[records["chunk"]]
    if not possible.all():
        raise ValueError(f"the records of {np.count_nonzero(~possible)} arrays hold impossible values")


def _chunks(archive: Archive) -> Iterator[Member]:
    number = 0
    while (name := f"frames_{number}.npy") in archive.members:
        yield archive.members[name]
        number += 1


def _chunk(file: BinaryIO, member: Member) -> tuple[int, int]:
    """Where the bytes of a chunk begin in the file, and how many there are; its header is not trusted."""
    if member.packed != member.size:
        raise ValueError(f"the array {member.name} is compressed")
    file.seek(member.start)
    try:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
    except Exception as error:  # a damaged header may raise anything
        raise DamagedArchive(f"the header of the array in {member.name} cannot be read") from error
    start, size = file.tell(), member.start + member.size - file.tell()
    if dtype != np.uint8 or shape != (size,):
        raise DamagedArchive(f"the header of the array in {member.name} does not fit its bytes")
    return start, size


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
