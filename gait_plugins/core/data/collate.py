"""Collating: the clips of a batch copied into one tensor (or ragged one) for each input source."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from gait_plugins.api import Ragged, RaggedTensor
from gait_plugins.errors import DataError
from gait_plugins.io.printable import printable
from gait_plugins.io.ragged import Frames


class Room:
    """Memory for the frames of one input source, batch after batch.

    A worker's lies where the training process sees it, so that frames written there need not be copied
    over to be sent, and serves in turns: clearing fresh pages for every batch takes longer than most
    transforms.

    Args:
        turns: batches of a worker that may be in use at a time.
    """

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.shared: list[Any] = []
        self.taken = 0

    def take(self, shape: tuple[int, ...], dtype: np.dtype) -> Tensor:
        """A tensor of undefined content; in a worker, that of ``turns`` batches before is overwritten."""
        like = torch.from_numpy(np.empty(0, dtype))
        if get_worker_info() is None:
            return torch.empty(shape, dtype=like.dtype)
        values, turn = math.prod(shape), self.taken % self.turns
        needed = values * like.element_size()
        self.taken += 1
        if len(self.shared) < self.turns:
            self.shared.append(_shared(needed))
        elif self.shared[turn].nbytes() < needed:
            self.shared[turn] = _shared(needed)
        return like.set_(self.shared[turn])[:values].view(shape)


class Stack:
    """Clips of equal length, each copied to its place in the batch as soon as it is made.

    A clip is then gone before the next one is read, so that the same memory, still in the cache,
    serves all of them.

    Args:
        room: memory for them.
        count: clips that will come.
    """

    def __init__(self, room: Room, count: int) -> None:
        self.room = room
        self.count = count
        self.names: list[str] = []
        self.places = np.empty(0)

    def put(self, clip: np.ndarray, name: str) -> None:
        """The next clip, ``[s, h, w]``, ``[s, c, h, w]`` or of whatever frames, of the sequence ``name``.

        Raises:
            DataError: it has another shape or dtype than those before.
        """
        if not self.names:
            self.tensor = self.room.take((self.count, *clip.shape), clip.dtype)
            self.places = self.tensor.numpy()
        _same_size(self.places[0], self.names[:1], clip, name, slice(None))
        _copy(clip, self.places[len(self.names)])
        self.names.append(name)

    def frames(self) -> Tensor:
        """All clips, ``[n, s, h, w]``."""
        return self.tensor


class Packing:
    """Clips of any length, laid one after the other once all are there.

    Args:
        room: memory for them.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.names: list[str] = []
        self.clips: list[np.ndarray] = []

    def put(self, clip: np.ndarray, name: str) -> None:
        """The next clip, ``[s, h, w]``, ``[s, c, h, w]`` or of whatever frames, of the sequence ``name``.

        Raises:
            DataError: its frames have another size or dtype than those before.
        """
        if self.clips:
            _same_size(self.clips[0], self.names, clip, name, slice(1, None))
        self.clips.append(clip)
        self.names.append(name)

    def frames(self) -> Tensor:
        """All clips, ``[1, sum(s), h, w]``."""
        first = self.clips[0]
        packed = self.room.take((1, sum(map(len, self.clips)), *first.shape[1:]), first.dtype)
        np.concatenate(self.clips, out=packed.numpy()[0])
        return packed


class RaggedPacking:
    """Clips of ragged frames, laid one after the other once all are there.

    Args:
        room: memory for their rows.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.names: list[str] = []
        self.clips: list[Ragged] = []

    def put(self, clip: Ragged, name: str) -> None:
        """The next clip, of the sequence ``name``.

        Raises:
            DataError: its rows have another size or dtype than those before.
        """
        if self.clips:
            _same_size(self.clips[0].values, self.names, clip.values, name, slice(1, None))
        self.clips.append(clip)
        self.names.append(name)

    def frames(self) -> RaggedTensor:
        """All frames, sequence after sequence."""
        rows = [clip.values for clip in self.clips]
        values = self.room.take((sum(map(len, rows)), *rows[0].shape[1:]), rows[0].dtype)
        np.concatenate(rows, out=values.numpy())
        sizes = np.concatenate([clip.sizes for clip in self.clips])
        offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        return RaggedTensor(values, torch.from_numpy(offsets))


class Source:
    """The clips of a batch of one input source, whatever its frames are: the first one shows.

    Args:
        room: memory for them.
        count: clips that will come where all are equally long; None: of any length.
    """

    def __init__(self, room: Room, count: int | None) -> None:
        self.room, self.count = room, count
        self.holder: Stack | Packing | RaggedPacking | None = None

    def put(self, clip: Frames, name: str) -> None:
        """The next clip, of the sequence ``name``.

        Raises:
            DataError: it does not go together with those before.
        """
        ragged = isinstance(clip, Ragged)
        if self.holder is None:
            stacked = Packing(self.room) if self.count is None else Stack(self.room, self.count)
            self.holder = RaggedPacking(self.room) if ragged else stacked
        if ragged != isinstance(self.holder, RaggedPacking):
            raise DataError(
                "the sequences of a batch have ragged frames and frames of one size",
                where=printable(name),
                hint="gait-plugins data check lists what the sequences hold",
            )
        self.holder.put(clip, name)  # type: ignore[arg-type]

    def frames(self) -> Tensor | RaggedTensor:
        """All clips."""
        assert self.holder is not None
        return self.holder.frames()


def stack_targets(found: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Tensor]:
    """What is known of each sequence, as int64 or float32 ``[n, ...]`` by its name.

    Raises:
        DataError: sequences have other targets than the first one, or of another shape.
    """
    stacked = {}
    for known, name in zip(found, names, strict=True):
        if known.keys() != found[0].keys():
            raise DataError(
                f"{name} has the targets {sorted(known)}, {names[0]} has {sorted(found[0])}",
                hint="data set and transforms must give every sequence the same targets",
            )
    for target in found[0] if found else ():
        values = [np.asarray(known[target]) for known in found]
        shapes = {value.shape for value in values}
        if len(shapes) > 1 or values[0].dtype.kind not in "biuf":
            raise DataError(
                f"the target {target!r} of a batch has the shapes {sorted(shapes)} and holds "
                f"{values[0].dtype}, expected numbers of one shape",
                where=names[0],
                hint="targets made of frames need a sampler that takes equally many frames of every sequence",
            )
        kind = np.float32 if any(value.dtype.kind == "f" for value in values) else np.int64
        stacked[target] = torch.from_numpy(np.stack(values).astype(kind))
    return stacked


def _shared(size: int) -> Any:
    # As torch's own collation of batches makes it.
    return torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]


def _copy(clip: np.ndarray, place: np.ndarray) -> None:
    if clip.ndim > 1 and not clip.flags.c_contiguous and clip.strides[-1] == clip.itemsize:
        # Frames that were cut: row by row, which takes a third of the time of number by number.
        row = np.dtype((np.void, clip.shape[-1] * clip.itemsize))
        clip, place = clip.view(row), place.view(row)
    place[...] = clip


def _same_size(first: np.ndarray, names: list[str], clip: np.ndarray, name: str, axes: slice) -> None:
    before, here = first.shape[axes], clip.shape[axes]
    if names and first.dtype != clip.dtype:
        raise DataError(
            f"the sequences of a batch have frames of different types: {first.dtype} "
            f"({printable(names[0])}), {clip.dtype} ({printable(name)})",
            hint="gait-plugins data check lists what the sequences hold; a transform must give one dtype",
        )
    if names and before != here:
        found = ", ".join(
            f"{'x'.join(map(str, size))} ({of})" for size, of in ((before, names[0]), (here, name))
        )
        raise DataError(
            f"the sequences of a batch have frames of different sizes: {found}",
            hint="gait-plugins data check lists every sequence of another size",
        )
