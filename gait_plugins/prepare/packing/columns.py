"""Columns of a packed data file: the arrays of each sequence, as bytes, made by any process."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Stream
from gait_plugins.errors import DataError
from gait_plugins.io.dataset_file import NO_FORM, Packed, is_pixels, pack_alike, pack_any
from gait_plugins.io.packed_index import FORM, RECORD
from gait_plugins.io.printable import printable
from gait_plugins.io.ragged import Frames, Ragged

_HELD = 1 << 20
"""Bytes of frames after which those that are held are packed."""
_SHORT = 1 << 16
"""Bytes of an array of which copying is cheap beside a call for each."""

Names = tuple[tuple[str, int], ...]
"""Name and stream of each array of a sequence."""


class Column(NamedTuple):
    """One array of a sequence, as bytes."""

    name: str
    """``frames``, or ``values`` and ``offsets`` of ragged frames, or ``times``."""
    stream: int
    packed: Packed
    shape: tuple[int, ...]
    form: tuple[object, ...]


class Piece(NamedTuple):
    """Sequences that follow each other, and have the same columns."""

    first: SequenceRef
    names: Names
    records: np.ndarray
    """Structured ``[m, k]``, without the places of the bytes."""
    forms: np.ndarray
    sizes: np.ndarray
    """Bytes of each array, int64 ``[m * k]``."""
    data: bytes
    """Those of all arrays, one after the other."""


@dataclass(frozen=True)
class Packing:
    """Loads and packs sequences; a process is given one whole.

    Args:
        dataset: loads them.
        refs: all of them, in the order of the file.
        threshold: as for ``pack_dataset``.
    """

    dataset: GaitDataset
    refs: Sequence[SequenceRef]
    threshold: int | None

    def __call__(self, first: int, last: int) -> list[Piece]:
        """The sequences from ``first`` to before ``last``."""
        return list(_together(list(self._packed(self.refs[first:last]))))

    def _packed(self, refs: Iterable[SequenceRef]) -> Iterator[tuple[SequenceRef, list[Column]]]:
        """The sequences in their order; some are held, so that the short ones of them are packed together."""
        declared = self.dataset.streams()
        timed = declared is not None and type(self.dataset).times is not GaitDataset.times
        held: list[tuple[SequenceRef, list[Frames]]] = []
        size = 0
        for ref in refs:
            try:
                held.append((ref, self._loaded(ref, declared)))
            except DataError:
                yield from self._columns(held, declared, timed)  # what is wrong with one before is told first
                raise
            size += sum(getattr(frames, "nbytes", 0) for frames in held[-1][1])
            if size > _HELD:
                yield from self._columns(held, declared, timed)
                held, size = [], 0
        yield from self._columns(held, declared, timed)

    def _loaded(self, ref: SequenceRef, declared: tuple[Stream, ...] | None) -> list[Frames]:
        loaded = self.dataset.load(ref)
        if declared is None:
            return [_binary(frames, self.threshold) for frames in loaded]
        return _checked(declared, loaded, ref)

    def _columns(
        self,
        held: Sequence[tuple[SequenceRef, list[Frames]]],
        declared: tuple[Stream, ...] | None,
        timed: bool,
    ) -> Iterator[tuple[SequenceRef, list[Column]]]:
        packed = _short_ones(held)
        for ref, loaded in held:
            times = self.dataset.times(ref) if timed else None
            yield ref, list(_columns(declared, loaded, times, ref, packed))


def _short_ones(held: Sequence[tuple[SequenceRef, list[Frames]]]) -> dict[int, Packed]:
    """``id`` of short arrays of pixels -> their bytes; those of one shape are packed together."""
    alike: dict[tuple[int, ...], list[np.ndarray]] = {}
    for _, loaded in held:
        for frames in loaded:
            if isinstance(frames, np.ndarray) and frames.nbytes <= _SHORT and is_pixels(frames):
                alike.setdefault(frames.shape, []).append(frames)
    packed: dict[int, Packed] = {}
    for several in alike.values():
        if len(several) > 1:
            packed.update(zip(map(id, several), pack_alike(np.stack(several)), strict=True))
    return packed


def _together(sequences: list[tuple[SequenceRef, list[Column]]]) -> Iterator[Piece]:
    """Sequences in as few pieces as their columns allow."""
    start = 0
    names = [tuple((column.name, column.stream) for column in columns) for _, columns in sequences]
    for end in range(1, len(sequences) + 1):
        if end == len(sequences) or names[end] != names[start]:
            yield _piece(sequences[start][0], names[start], [columns for _, columns in sequences[start:end]])
            start = end


def _piece(first: SequenceRef, names: Names, sequences: list[list[Column]]) -> Piece:
    columns = [column for sequence in sequences for column in sequence]
    bytes_of = [column.packed.data.reshape(-1).data for column in columns]
    records = np.zeros(len(columns), RECORD)
    if columns:
        records["shape"] = [_four(column.shape) for column in columns]
        records["crc32"] = [zlib.crc32(data) for data in bytes_of]
    for part in ("bits", "first", "last"):
        records[part] = [getattr(column.packed, part) for column in columns]
    forms = np.zeros(len(columns), FORM)
    if any(column.form is not NO_FORM for column in columns):
        forms[:] = [column.form for column in columns]
    shape = (len(sequences), len(names))
    return Piece(
        first,
        names,
        records.reshape(shape),
        forms.reshape(shape),
        np.array([data.nbytes for data in bytes_of], np.int64),
        b"".join(bytes_of),
    )


def _four(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], 0, *shape[1:]) if len(shape) == 3 else shape


def _checked(declared: tuple[Stream, ...], loaded: Sequence[Frames], ref: SequenceRef) -> list[Frames]:
    """The frames of the streams that were declared, in their dtypes."""
    if len(loaded) != len(declared):
        raise DataError(
            f"the data set gives {len(loaded)} arrays, but declares the streams "
            f"{', '.join(stream.name for stream in declared)}",
            where=printable(ref.name),
            hint="one array for each stream is expected: correct the data set",
        )
    return [stream.checked(frames, ref.name) for stream, frames in zip(declared, loaded, strict=True)]


def _columns(
    declared: tuple[Stream, ...] | None,
    loaded: Sequence[Frames],
    times: Mapping[str, np.ndarray] | None,
    ref: SequenceRef,
    packed: Mapping[int, Packed],
) -> Iterator[Column]:
    for number, frames in enumerate(loaded):
        arrays = {"frames": np.asarray(frames)} if not isinstance(frames, Ragged) else _parts(frames)
        if declared is not None and times is not None:
            arrays["times"] = _moments(times, declared[number].name, len(frames), ref)
        for name, array in arrays.items():
            try:
                known = packed.get(id(array))
                parts = pack_any(array) if known is None else (known, array.shape, NO_FORM)
                yield Column(name, number, *parts)
            except ValueError as error:
                stream = f"the stream {declared[number].name!r}" if declared else f"array number {number + 1}"
                raise DataError(
                    f"{stream} cannot be packed: {error}",
                    where=printable(ref.name),
                    hint="correct the data set, or leave this one out",
                ) from error


def _parts(frames: Ragged) -> dict[str, np.ndarray]:
    return {"values": frames.values, "offsets": frames.offsets}


def _moments(times: Mapping[str, np.ndarray], name: str, length: int, ref: SequenceRef) -> np.ndarray:
    """When the frames of a stream were taken, float64 ``[t]``; empty where it is not known."""
    if name not in times:
        return np.empty(0, np.float64)
    moments = np.asarray(times[name])
    if moments.shape != (length,) or moments.dtype.kind not in "biuf":
        raise DataError(
            f"the times of the stream {name!r} have shape {list(moments.shape)} and dtype {moments.dtype}, "
            f"expected {length} numbers: one for each frame, in seconds",
            where=printable(ref.name),
            hint="correct the times of the data set",
        )
    return moments.astype(np.float64)


def _binary(frames: np.ndarray, threshold: int | None) -> np.ndarray:
    return frames if threshold is None else (frames > threshold).astype(np.uint8) * np.uint8(255)
