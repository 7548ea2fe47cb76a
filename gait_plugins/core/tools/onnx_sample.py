"""Sample sequences as a graph takes them, to measure one on and to find the ranges of its values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gait_plugins.api import GaitDataset, GaitModel, RaggedTensor, SequenceIndex, SequenceRef
from gait_plugins.config import Config
from gait_plugins.core.assembly.batches import batch_maker
from gait_plugins.core.data.host_batch import HostBatch
from gait_plugins.errors import ConfigError, DataError

MEASURED, CALIBRATING = 64, 16
"""Sequences that are taken at most."""
FRAMES = 16
"""Frames that are taken of each at most."""
Frames = tuple[np.ndarray, ...]
"""float32 ``[s, ...]`` of each input, undivided."""


@dataclass(frozen=True)
class Sample:
    """Sequences after the transforms of the test."""

    frames: tuple[Frames, ...]
    labels: tuple[str, ...]

    def clips(self, sequences: int, frames: int) -> Frames:
        """So many of so many frames, begun again where they are too few: float32 ``[n, s, ...]`` each."""
        chosen = [self.frames[n % len(self.frames)] for n in range(sequences)]
        return tuple(
            np.stack([each[np.arange(frames) % len(each)] for each in one])
            for one in zip(*chosen, strict=True)
        )

    def of_frames(self, frames: int | None) -> Sample:
        """The same sequences with exactly so many frames; None: as they are."""
        if frames is None:
            return self
        again = (tuple(each[np.arange(frames) % len(each)] for each in one) for one in self.frames)
        return Sample(tuple(again), self.labels)


def samples(config: Config, model: GaitModel, dataset: GaitDataset) -> tuple[Sample, Sample]:
    """Sequences to measure on, those of the test, and to calibrate by, those of the training.

    Where a data set does not tell the two apart, every fourth sequence calibrates.

    Raises:
        DataError: there are fewer than two sequences.
        ConfigError: the data set does not have what the model takes.
    """
    tested = dataset.sequences("test")
    if len(tested) < 2:
        raise DataError(
            f"there are {len(tested)} sequences to measure the graph on, expected 2 or more",
            hint="give more sequences",
        )
    names = {ref.name for ref in tested}
    others = [ref for ref in dataset.sequences("train") if ref.name not in names]
    return (
        _sample(config, model, dataset, _spread(tested, MEASURED)),
        _sample(config, model, dataset, _spread(others or tested[::4], CALIBRATING)),
    )


def _spread(refs: Sequence[SequenceRef], most: int) -> list[SequenceRef]:
    places = np.unique(np.linspace(0, len(refs) - 1, min(most, len(refs))).round().astype(int))
    return [refs[place] for place in places]


def _sample(config: Config, model: GaitModel, dataset: GaitDataset, refs: Sequence[SequenceRef]) -> Sample:
    index = SequenceIndex(refs)
    maker = batch_maker(config, dataset, index, "test", model.streams, with_classes=False)
    frames: dict[int, Frames] = {}
    for number in range(maker.batch_sampler.num_batches(index) or 0):
        batch = maker.make(number)
        frames.update(zip(batch.positions, _of_batch(batch), strict=True))
    return Sample(tuple(frames[place] for place in range(len(refs))), tuple(ref.label for ref in refs))


def _of_batch(batch: HostBatch) -> Iterator[Frames]:
    """The frames of each sequence, as many of each input."""
    sources = [_of_source(batch, place) for place in range(len(batch.frames))]
    for one in zip(*sources, strict=True):
        least = min(FRAMES, *map(len, one))
        yield tuple(np.asarray(each[:least], np.float32) for each in one)


def _of_source(batch: HostBatch, place: int) -> list[np.ndarray]:
    source = batch.frames[place]
    if isinstance(source, RaggedTensor):
        raise ConfigError("the frames are of unequal size", hint="embed with gait-plugins embed")
    values = source.numpy()
    if batch.seq_lens is None:
        return list(values)
    name = batch.streams[place] if batch.streams else ""
    ends = batch.lens.get(name, batch.seq_lens)[0].numpy().cumsum()
    return np.split(values[0], ends[:-1])
