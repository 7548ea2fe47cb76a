"""Parts of a batch: so many shares of its sequences, in their order, each a batch of its own."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from gait_plugins.api import RaggedTensor
from gait_plugins.core.data.host_batch import HostBatch
from gait_plugins.errors import ConfigError


def in_parts(batch: HostBatch, parts: int) -> list[HostBatch]:
    """The sequences of a batch in so many parts of nearly equal size; frames are not copied.

    Raises:
        ConfigError: there are fewer sequences than parts.
    """
    count = len(batch.labels)
    if count < parts:
        raise ConfigError(
            f"a batch of {count} sequences of a process cannot be taken in {parts} parts",
            where="trainer_cfg.accumulate",
            hint=f"-o trainer_cfg.accumulate={count}, or a larger trainer_cfg.sampler.batch_size",
        )
    return [_part(batch, start, stop) for start, stop in _shares(count, parts)]


def _shares(count: int, parts: int) -> Iterator[tuple[int, int]]:
    for part in range(parts):
        yield part * count // parts, (part + 1) * count // parts


def _part(batch: HostBatch, start: int, stop: int) -> HostBatch:
    these = slice(start, stop)
    return batch._replace(
        positions=batch.positions[these],
        frames=[_frames(batch, place, start, stop) for place in range(len(batch.frames))],
        labels=batch.labels[these],
        types=batch.types[these],
        views=batch.views[these],
        names=batch.names[these],
        seq_lens=None if batch.seq_lens is None else batch.seq_lens[:, these],
        targets={name: value[these] for name, value in batch.targets.items()},
        lens={name: value[:, these] for name, value in batch.lens.items()},
    )


def _frames(batch: HostBatch, place: int, start: int, stop: int) -> Tensor | RaggedTensor:
    frames = batch.frames[place]
    name = batch.streams[place] if batch.streams else ""
    lens = batch.lens.get(name, batch.seq_lens)
    if isinstance(frames, RaggedTensor):
        total = len(frames.offsets) - 1
        first, last = _between(lens, total, len(batch.labels), start, stop)
        offsets = frames.offsets[first : last + 1]
        rows = slice(int(offsets[0]), int(offsets[-1]))
        return RaggedTensor(frames.values[rows], offsets - offsets[0])
    if batch.seq_lens is None:
        return frames[start:stop]
    first, last = _between(lens, frames.shape[1], len(batch.labels), start, stop)
    return frames[:, first:last]


def _between(lens: Tensor | None, total: int, count: int, start: int, stop: int) -> tuple[int, int]:
    """Where the frames of these sequences begin and end among all."""
    if lens is None:
        return start * total // count, stop * total // count
    return int(lens[0, :start].sum()), int(lens[0, :stop].sum())
