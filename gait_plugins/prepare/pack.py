"""A whole data set written into one packed data file."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Stream, track
from gait_plugins.errors import DataError
from gait_plugins.io.atomic import whole_file
from gait_plugins.io.dataset_file import (
    FORM,
    NAMES,
    PIXELS,
    RECORD,
    SEQUENCE,
    SUFFIX,
    VERSION,
    Packed,
    PackedFile,
    pack_any,
)
from gait_plugins.io.printable import printable
from gait_plugins.io.ragged import Frames, Ragged
from gait_plugins.io.stream_table import MOST_AXES, odd_declaration
from gait_plugins.prepare.parallel import default_workers, in_threads

_WRITTEN = ("name", "low", "high", "clock", "own_clock", "about")
CHUNK = 64 << 20
"""Bytes of frames that are held in memory before they are written, and of one array in the file."""


@dataclass(frozen=True)
class PackedSize:
    """What a packed data file holds, and how large it is."""

    sequences: int
    frames: int
    grey: int
    """Arrays of undeclared silhouettes that are not just 0 and 255 and are kept at 8 bits a pixel."""
    pixels: int
    """Bytes of the frames, unpacked."""
    bytes: int
    """Bytes of the file."""


def pack_dataset(
    dataset: GaitDataset, refs: Sequence[SequenceRef], path: Path, *, threshold: int | None = None
) -> PackedSize:
    """Write sequences of a data set as one file; it appears once it is whole.

    Args:
        dataset: loads the sequences.
        refs: the sequences, in any order.
        path: the file; its name ends in ``.npz``.
        threshold: where given, pixels above it become 255 and all others 0, so that every array takes
            one bit a pixel. Left out: frames are kept as they are, grey ones at 8 bits.

    Raises:
        DataError: a sequence cannot be read, or there is none, or the name ends otherwise.
    """
    if path.suffix != SUFFIX:
        raise DataError(
            f"a packed data file is a numpy archive: its name must end in {SUFFIX}",
            where=str(path),
            hint=f"use {path.stem}{SUFFIX}",
        )
    ordered = sorted(refs, key=lambda ref: ref[:3])
    names = [sorted({ref[part] for ref in ordered}) for part in range(len(NAMES))]
    if not ordered:
        raise DataError("no sequences to pack", where=str(path))

    declared = dataset.streams()
    if declared is not None and threshold is not None:
        raise DataError(
            "a threshold makes silhouettes of grey frames; declared streams are kept as they are",
            where=str(path),
            hint="leave out --threshold",
        )

    described = _written(declared or (), str(path))
    timed = declared is not None and type(dataset).times is not GaitDataset.times

    def work(ref: SequenceRef, stopped: Callable[[], bool]) -> list[Column]:
        loaded = dataset.load(ref)
        if declared is None:
            loaded = [_binary(frames, threshold) for frames in loaded]
        else:
            loaded = _checked(declared, loaded, ref)
        return list(_columns(declared, loaded, dataset.times(ref) if timed else None, ref))

    with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        writer = _Writer(archive)
        shown = track(ordered, "packing sequences", unit="seq")
        for ref, arrays in zip(shown, in_threads(work, ordered, default_workers()), strict=True):
            writer.add(ref, arrays)
        records, forms = writer.finish()
        version = PIXELS if declared is None and not (forms["dtype"] != b"").any() else VERSION
        numbers = [{name: number for number, name in enumerate(part)} for part in names]
        codes = [tuple(numbers[part][ref[part]] for part in range(len(NAMES))) for ref in ordered]
        writer.put("format", np.array([version, records.shape[1]], "<i8"))
        for key, part in zip(NAMES, names, strict=True):
            writer.put(key, np.array(part))
        writer.put("sequences", np.array(codes, SEQUENCE))
        writer.put("records", records)
        if version > PIXELS:
            writer.put("streams", np.array(json.dumps(_described(described, writer.columns))))
            writer.put("forms", forms)
    return _size(path, records, forms, declared is not None)


def _size(path: Path, records: np.ndarray, forms: np.ndarray, declared: bool) -> PackedSize:
    shapes = records["shape"].astype(np.int64)
    pixels = int((shapes[..., 0] * np.maximum(shapes[..., 1], 1) * shapes[..., 2] * shapes[..., 3]).sum())
    packed = PackedFile(str(path))
    # Maps of several channels, and what is declared, are grey by their nature.
    grey = (records["bits"] == 8) & (forms["dtype"] == b"") & (shapes[..., 1] == 0)
    frames = sum(packed.length(row) for row in range(len(packed)))
    return PackedSize(
        sequences=len(packed),
        frames=frames,
        grey=0 if declared else int(grey.sum()),
        pixels=pixels,
        bytes=path.stat().st_size,
    )


class Column(NamedTuple):
    """One array of a sequence, as bytes."""

    name: str
    """``frames``, or ``values`` and ``offsets`` of ragged frames, or ``times``."""
    stream: int
    packed: Packed
    shape: tuple[int, ...]
    form: tuple[object, ...]


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
) -> Iterator[Column]:
    for number, frames in enumerate(loaded):
        arrays = {"frames": np.asarray(frames)} if not isinstance(frames, Ragged) else _parts(frames)
        if declared is not None and times is not None:
            arrays["times"] = _moments(times, declared[number].name, len(frames), ref)
        for name, array in arrays.items():
            try:
                yield Column(name, number, *pack_any(array))
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


def _written(declared: Sequence[Stream], where: str) -> list[dict[str, Any]]:
    """What is written of the declared streams, as JSON holds it."""
    found: list[dict[str, Any]] = []
    for stream in declared:
        own = {name: _number(getattr(stream, name)) for name in _WRITTEN}
        own |= {"shape": [_number(axis) for axis in stream.shape], "dtype": np.dtype(stream.dtype).name}
        own["kind"] = type(stream).__name__
        problem = odd_declaration(own | {"columns": ["values"] if stream.ragged else ["frames"]})
        if len(stream.shape) + (not stream.ragged) > MOST_AXES:
            problem = f"has frames {stream.described}, which have more axes than can be packed"
        if any(own["name"] == other["name"] for other in found):
            problem = "has the name of another one"
        if problem is not None:
            raise DataError(
                f"the stream {stream.name!r} of the data set {problem}",
                where=where,
                hint="correct what the data set declares",
            )
        found.append(own)
    return found


def _number(value: Any) -> Any:
    """Numpy's numbers as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _described(declared: list[dict[str, Any]], columns: list[tuple[str, int]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in range(1 + max(stream for _, stream in columns)):
        own: dict[str, Any] = {"columns": [name for name, stream in columns if stream == number]}
        found.append(own | (declared[number] if declared else {}))
    return found


class _Writer:
    """Gathers bytes into arrays of moderate size, and remembers where everything went."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.records: list[list[tuple[object, ...]]] = []
        self.forms: list[list[tuple[object, ...]]] = []
        self.columns: list[tuple[str, int]] = []
        self.chunk = 0
        self.held: list[np.ndarray] = []
        self.size = 0

    def add(self, ref: SequenceRef, arrays: list[Column]) -> None:
        """One sequence."""
        columns = [(column.name, column.stream) for column in arrays]
        if self.records and columns != self.columns:
            raise DataError(
                f"{printable(ref.name)} has {_counted(columns)}, "
                f"but earlier sequences have {_counted(self.columns)}",
                hint="every sequence needs the same inputs; choose them with --input",
            )
        self.columns = columns
        self.records.append([self._place(column.shape, column.packed) for column in arrays])
        self.forms.append([column.form for column in arrays])

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Write what is held; the places and the forms of everything, ``[n, k]``."""
        self._flush()
        return np.array(self.records, RECORD), np.array(self.forms, FORM)

    def put(self, name: str, array: np.ndarray) -> None:
        """Write an array of the archive."""
        # The size that an array of an archive may grow to must be known before it is written.
        with self.archive.open(
            f"{name}.npy", "w", force_zip64=array.nbytes > zipfile.ZIP64_LIMIT // 2
        ) as member:
            np.lib.format.write_array(member, array, allow_pickle=False)

    def _place(self, shape: tuple[int, ...], packed: Packed) -> tuple[object, ...]:
        if self.size and self.size + packed.data.size > CHUNK:
            self._flush()
        start = self.size
        self.held.append(packed.data.reshape(-1))
        self.size += packed.data.size
        full = (shape[0], 0, *shape[1:]) if len(shape) == 3 else shape
        checksum = zlib.crc32(packed.data.data)
        return self.chunk, start, full, packed.bits, packed.first, packed.last, checksum

    def _flush(self) -> None:
        self.put(f"frames_{self.chunk}", np.concatenate([*self.held, np.empty(0, np.uint8)]))
        self.chunk, self.held, self.size = self.chunk + 1, [], 0


def _counted(columns: list[tuple[str, int]]) -> str:
    plain = [name for name, _ in columns] == ["frames"] * len(columns)
    return f"{len(columns)} arrays" + ("" if plain else f" ({', '.join(name for name, _ in columns)})")


def _binary(frames: np.ndarray, threshold: int | None) -> np.ndarray:
    return frames if threshold is None else (frames > threshold).astype(np.uint8) * np.uint8(255)
