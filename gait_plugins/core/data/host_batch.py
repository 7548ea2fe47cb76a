"""Host batches: a batch as the workers make it, the shapes of its frames, and its way to the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gait_plugins.api import GaitBatch, RaggedTensor, Stream, Transform

FrameRecord = tuple[int, int] | Mapping[str, list[int | None]]
"""Frames that a model was trained on: height and width, or the shape of a frame of each named stream."""


class HostBatch(NamedTuple):
    """One rank's share of a batch as the workers make it: frames still undivided, on the CPU."""

    number: int
    positions: list[int]
    """Places of its sequences in the index."""
    frames: list[Tensor | RaggedTensor]
    """One per input source: ``[n, s, h, w]`` or packed ``[1, sum(s), h, w]``, uint8 as a rule; or ragged."""
    labels: Tensor
    types: list[str]
    views: list[str]
    names: list[str]
    """``id-type-view`` of each sequence, for messages."""
    seq_lens: Tensor | None
    targets: dict[str, Tensor]
    """What else there is to learn of each sequence: name -> ``[n, ...]``."""
    streams: tuple[str, ...] = ()
    """Names of the input sources, where they are known."""
    lens: dict[str, Tensor] = {}  # noqa: RUF012  (a field of a tuple; nobody writes to it)
    """Frames of each sequence, int32 ``[1, n]``, of sources with frames of their own clock."""
    short: str = ""
    """A sequence of the batch that has fewer frames than are taken of it, in words; empty: none has."""


class Divider:
    """Brings frames to float and divides them, on the device, as the transforms ask for.

    Frames of bytes become float32, as do all of a data set that declares no streams; declared ones of any
    other dtype keep it.

    Args:
        transforms: one for each input source, or None.
        streams: what the data set declares of each, where it does.
    """

    def __init__(
        self, transforms: Sequence[Transform | None], streams: Sequence[Stream] | None = None
    ) -> None:
        self.divisors = [1.0 if t is None else float(t.divisor) for t in transforms]
        self.declared = streams is not None

    def __call__(self, batch: HostBatch, device: torch.device) -> GaitBatch:
        """The batch as a model takes it."""
        # A copy even of frames that are float here already: a worker will write over its own.
        inputs = [self._input(f, d, device) for f, d in zip(batch.frames, self.divisors, strict=True)]
        lens = None if batch.seq_lens is None else batch.seq_lens.to(device)
        targets = {name: value.to(device) for name, value in batch.targets.items()}
        own = {name: value.to(device) for name, value in batch.lens.items()}
        labels = batch.labels.to(device)
        return GaitBatch(inputs, labels, batch.types, batch.views, lens, targets, batch.streams, own)

    def _input(
        self, frames: Tensor | RaggedTensor, divisor: float, device: torch.device
    ) -> Tensor | RaggedTensor:
        if isinstance(frames, RaggedTensor):
            values = self._input(frames.values, divisor, device)
            return RaggedTensor(values, frames.offsets.to(device))  # type: ignore[arg-type]
        kept = self.declared and frames.dtype != torch.uint8
        moved = frames.to(device, frames.dtype if kept else torch.float32, non_blocking=True, copy=True)
        return moved if divisor == 1 else moved / divisor


def frame_shapes(batch: HostBatch) -> tuple[tuple[int | None, ...], ...]:
    """Shape of a frame of each input that the model gets; None for a ragged axis."""
    return tuple(
        (None, *f.values.shape[1:]) if isinstance(f, RaggedTensor) else tuple(f.shape[2:])
        for f in batch.frames
    )


def frame_dtypes(batch: HostBatch) -> tuple[str, ...]:
    """dtype of each input as the workers make it, by numpy's name."""
    values = (f.values if isinstance(f, RaggedTensor) else f for f in batch.frames)
    return tuple(str(each.dtype).removeprefix("torch.") for each in values)


def frame_record(batch: HostBatch) -> FrameRecord:
    """What a checkpoint keeps of the frames that a model was trained on."""
    if not batch.streams:
        return frame_size(batch)
    return dict(zip(batch.streams, map(list, frame_shapes(batch)), strict=True))


def frames_in_words(record: FrameRecord) -> str:
    """``64x44``, or ``keypoints [17, 3], points [m, 3]``."""
    if isinstance(record, Mapping):
        return ", ".join(f"{name} {Stream(name, tuple(shape)).described}" for name, shape in record.items())
    return "{}x{}".format(*record)


def frame_size(batch: HostBatch) -> tuple[int, int]:
    """Height and width of the first input's frames that the model gets; (0, 0) where they are no images."""
    shape = frame_shapes(batch)[0]
    height, width = shape[-2:] if len(shape) >= 2 else (0, 0)
    return int(height or 0), int(width or 0)


def frame_channels(batch: HostBatch) -> int:
    """Channels of the first input's frames that the model gets; frames ``[h, w]`` have one."""
    shape = frame_shapes(batch)[0]
    return int(shape[0] or 1) if len(shape) == 3 else 1
