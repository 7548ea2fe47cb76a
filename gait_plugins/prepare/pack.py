"""A whole data set written into one packed data file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api import GaitDataset, Job, SequenceRef, SequenceTable, Stream
from gait_plugins.api.census import processes
from gait_plugins.api.census.processes import in_pieces, number_of_processes
from gait_plugins.errors import DataError
from gait_plugins.io.dataset_file import NAMES, PARTS, PIXELS, STREAMS, SUFFIX, PackedFile
from gait_plugins.io.packed_index import SEQUENCE
from gait_plugins.io.stream_table import MOST_AXES, odd_declaration
from gait_plugins.prepare.packing.columns import Packing, Piece
from gait_plugins.prepare.packing.writer import writing
from gait_plugins.prepare.parallel import default_workers, in_threads

_WRITTEN = ("name", "low", "high", "clock", "own_clock", "about")
CHUNK = 64 << 20
"""Bytes of frames that are held in memory before they are written, and of one array in the file."""
_PIECE = 4 << 20
"""Packed bytes that a process hands over at a time."""
_MOST_IN_A_PIECE = 128
_ROWS = 4096
"""Sequences whose rows are looked at together."""


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
    dataset: GaitDataset,
    refs: Sequence[SequenceRef],
    path: Path,
    *,
    threshold: int | None = None,
    parts: int = 1,
) -> PackedSize:
    """Write sequences of a data set as one file, or as several; they appear once they are whole.

    Several processes load and pack where there are many sequences; what is written is the same.

    Args:
        dataset: loads the sequences.
        refs: the sequences, in any order.
        path: the file; its name ends in ``.npz``.
        threshold: where given, pixels above it become 255 and all others 0, so that every array takes
            one bit a pixel. Left out: frames are kept as they are, grey ones at 8 bits.
        parts: files beside it that take the frames; 1: they lie in the file itself.

    Raises:
        DataError: a sequence cannot be read, or there is none, or the name ends otherwise.
    """
    if path.suffix != SUFFIX:
        raise DataError(
            f"a packed data file is a numpy archive: its name must end in {SUFFIX}",
            where=str(path),
            hint=f"use {path.stem}{SUFFIX}",
        )
    if not refs:
        raise DataError("no sequences to pack", where=str(path))
    declared = dataset.streams()
    if declared is not None and threshold is not None:
        raise DataError(
            "a threshold makes silhouettes of grey frames; declared streams are kept as they are",
            where=str(path),
            hint="leave out --threshold",
        )
    described = _written(declared or (), str(path))
    ordered = _in_order(refs)
    parts = min(parts, len(ordered))
    with writing(path, len(ordered), parts, CHUNK) as writer:
        for piece in _packed(Packing(dataset, ordered, threshold), len(ordered)):
            writer.add(piece)
        records, forms = writer.finish()
        version = PIXELS if declared is None and not (forms["dtype"] != b"").any() else STREAMS
        writer.put("format", np.array([PARTS if writer.in_parts else version, records.shape[1]], "<i8"))
        for key, part in zip(NAMES, ordered.names, strict=True):
            writer.put(key, np.array(part))
        codes = np.empty(len(ordered), SEQUENCE)
        for key, column in zip(SEQUENCE.names or (), ordered.codes, strict=True):
            codes[key] = column
        writer.put("sequences", codes)
        writer.put("records", records)
        if version > PIXELS:
            writer.put("streams", np.array(json.dumps(_described(described, writer.columns))))
            writer.put("forms", forms)
    return _size(path, records, forms, declared is not None)


def _in_order(refs: Sequence[SequenceRef]) -> SequenceTable:
    """The sequences sorted by identity, type and view, and the names of these."""
    table = SequenceTable.of(refs)
    ranks = np.stack([table.ranks(part) for part in range(len(NAMES))])
    order = np.lexsort(ranks[::-1])
    names = [table.distinct(part) for part in range(len(NAMES))]
    return SequenceTable(names, ranks[:, order], table.sources, table.places[order])


def _packed(packing: Packing, count: int) -> Iterator[Piece]:
    """The sequences packed, in their order: few ones by threads, many by processes."""
    sizer = _Sizer()
    with Job("packing sequences", count, "seq") as job:
        if count >= processes.FEWEST:
            found = in_pieces(packing, count, sizer, number_of_processes(count))
        else:
            found = in_threads(lambda row, stopped: packing(row, row + 1), range(count), default_workers())
        for pieces in found:
            for piece in pieces:
                sizer.note(piece)
                job.advance(len(piece.records))
                yield piece


class _Sizer:
    """Sequences of a piece: few of large ones, many of small ones."""

    def __init__(self) -> None:
        self.sequences, self.bytes = 0, 0

    def __call__(self) -> int:
        if not self.sequences:
            return 4
        return min(_MOST_IN_A_PIECE, _PIECE * self.sequences // max(1, self.bytes))

    def note(self, piece: Piece) -> None:
        """Sequences that were packed."""
        self.sequences += len(piece.records)
        self.bytes += len(piece.data)


def _size(path: Path, records: np.ndarray, forms: np.ndarray, declared: bool) -> PackedSize:
    grey = frames = pixels = 0
    packed = PackedFile(str(path))
    for first in range(0, len(records), _ROWS):
        some, form = records[first : first + _ROWS], forms[first : first + _ROWS]
        shapes = some["shape"].astype(np.int64)
        pixels += int(np.maximum(shapes, (0, 1, 0, 0)).prod(axis=-1).sum())
        # Maps of several channels, and what is declared, are grey by their nature.
        grey += int(((some["bits"] == 8) & (form["dtype"] == b"") & (shapes[..., 1] == 0)).sum())
        frames += _frames(packed, some, form)
    return PackedSize(
        sequences=len(packed),
        frames=frames,
        grey=0 if declared else grey,
        pixels=pixels,
        bytes=path.stat().st_size + sum(Path(part).stat().st_size for part in packed.parts),
    )


def _frames(packed: PackedFile, records: np.ndarray, forms: np.ndarray) -> int:
    """Frames of the first stream of these sequences."""
    if packed.streams and packed.streams[0]["columns"][0] == "values":
        return int((forms["shape"][:, 1, 0] - 1).sum())
    kept = forms["dtype"][:, 0] != b""
    return int(np.where(kept, forms["shape"][:, 0, 0], records["shape"][:, 0, 0]).sum())


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


def _described(declared: list[dict[str, Any]], columns: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in range(1 + max(stream for _, stream in columns)):
        own: dict[str, Any] = {"columns": [name for name, stream in columns if stream == number]}
        found.append(own | (declared[number] if declared else {}))
    return found
