"""Example frames of any stream, and batches of them, for the contract checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gait_plugins.api import SILHOUETTES, GaitBatch, GaitModel, Ragged, RaggedTensor, Stream
from gait_plugins.io.ragged import Frames, joined

SIZES = {"h": 64, "w": 44}
"""Of axes that a stream leaves to the data; any other letter is 8."""
_ROWS = (3, 8)

Clip = list[Frames]
"""The frames of one sequence, of each stream."""


def example_frames(stream: Stream, frames: int, rng: np.random.Generator, **sizes: int) -> Frames:
    """Frames that a stream may hold: of its shape, dtype and range.

    Args:
        stream: the stream.
        frames: how many.
        rng: where they come from.
        sizes: of axes with a letter.
    """
    known = SIZES | sizes
    sizes_known = [known.get(axis, 8) if isinstance(axis, str) else axis for axis in stream.shape]
    shape = [size for size in sizes_known if size is not None]
    if stream.ragged:
        rows = rng.integers(*_ROWS, frames)
        offsets = np.concatenate([[0], np.cumsum(rows)])
        return Ragged(_values(stream, (int(offsets[-1]), *shape), rng), offsets)
    return _values(stream, (frames, *shape), rng)


def example_clips(
    streams: Sequence[Stream], lengths: Sequence[int], rng: np.random.Generator, **sizes: int
) -> list[Clip]:
    """Sequences of so many frames; streams with a clock of their own have about half as many."""
    return [
        [example_frames(s, -(-length // 2) if s.own_clock else length, rng, **sizes) for s in streams]
        for length in lengths
    ]


def batch_of(model: GaitModel, streams: Sequence[Stream], clips: Sequence[Clip], packed: bool) -> GaitBatch:
    """Sequences as one batch: packed, or stacked where all are equally long."""
    n = len(clips)
    inputs = [_input([clip[i] for clip in clips], packed) for i in range(len(streams))]
    lens = {s.name: _lens([len(clip[i]) for clip in clips]) for i, s in enumerate(streams) if s.own_clock}
    labels = torch.arange(n) // 2 % (model.num_classes or 4)
    names = tuple(stream.name for stream in streams) if model.streams is not None else ()
    seq_lens = _lens([len(clip[0]) for clip in clips]) if packed else None
    return GaitBatch(inputs, labels, ["nm-01"] * n, ["090"] * n, seq_lens, names=names, lens=lens)


def taken_by(model: GaitModel, frame_shape: tuple[int, ...]) -> tuple[Stream, ...]:
    """The streams that a model is tried with: those that it declares, or silhouettes of this shape."""
    return model.streams or (SILHOUETTES.changed(shape=frame_shape),)


def _values(stream: Stream, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    dtype = np.dtype(stream.dtype)
    low = stream.low if stream.low is not None else (0 if dtype.kind in "bu" else -1)
    high = stream.high if stream.high is not None else low + (4 if dtype.kind in "biu" else 2)
    if dtype.kind in "biu":
        pixels = (low, high) == (0, 255)
        drawn = rng.integers(0, 2, shape) * 255 if pixels else rng.integers(int(low), int(high) + 1, shape)
        return np.asarray(drawn).astype(dtype)
    return np.asarray(rng.uniform(low, high, shape)).astype(dtype)


def _input(clips: Sequence[Frames], packed: bool) -> Tensor | RaggedTensor:
    if isinstance(clips[0], Ragged):
        whole = joined([clip for clip in clips if isinstance(clip, Ragged)])
        return RaggedTensor(_float(whole.values), torch.from_numpy(whole.offsets))
    arrays: list[Any] = list(clips)
    return _float(np.concatenate(arrays)[None] if packed else np.stack(arrays))


def _float(values: np.ndarray) -> Tensor:
    # As the loader brings them to the model: bytes as float32, pixels in [0, 1].
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    if tensor.dtype != torch.uint8:
        return tensor
    return tensor.float() / (255 if int(tensor.max()) > 20 else 1)


def _lens(lengths: list[int]) -> Tensor:
    return torch.tensor([lengths], dtype=torch.int32)
