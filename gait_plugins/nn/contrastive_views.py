"""Contrastive views: two augmentations of each sequence in one batch, for models that contrast them."""

from __future__ import annotations

from typing import Any

from gait_plugins.api.batch import GaitBatch, RaggedTensor
from gait_plugins.errors import ConfigError
from gait_plugins.nn.packed_batches import split_lengths
from gait_plugins.nn.ragged_frames import join_frames, split_frames


def views_of(batch: GaitBatch, where: str) -> tuple[GaitBatch, GaitBatch]:
    """The two halves of a batch.

    Args:
        batch: first one view of every sequence, then another one of each, as ``BilateralSampler`` draws.
        where: the model, for the error.

    Raises:
        ConfigError: they are not two views of the same sequences.
    """
    n = len(batch.types) // 2
    pairs = [[seen[:n], seen[n:]] for seen in (list(batch.types), list(batch.views))]
    if n == 0 or any(first != second for first, second in pairs):
        raise ConfigError(
            f"the two halves of a batch of {len(batch.types)} are not the same sequences",
            where=where,
            hint="trainer_cfg.sampler.type must be BilateralSampler, and the product of its batch_size "
            "must be a multiple of the number of processes",
        )
    return _part(batch, slice(0, n)), _part(batch, slice(n, None))


def _part(batch: GaitBatch, rows: slice) -> GaitBatch:
    n = len(batch.types)
    lens = {name: counts[:, rows] for name, counts in batch.lens.items()}
    inputs = []
    for place, source in enumerate(batch.inputs):
        name = batch.names[place] if batch.names else ""
        counts = batch.lens.get(name, batch.seq_lens)
        inputs.append(_rows(source, split_lengths(counts), rows, n))
    return GaitBatch(
        inputs,
        batch.labels[rows],
        batch.types[rows],
        batch.views[rows],
        None if batch.seq_lens is None else batch.seq_lens[:, rows],
        {name: target[rows] for name, target in batch.targets.items()},
        batch.names,
        lens,
    )


def _rows(source: Any, counts: list[int] | None, rows: slice, n: int) -> Any:
    """The frames of some of the ``n`` sequences of an input; ``counts``: frames of each packed one."""
    if isinstance(source, RaggedTensor):
        # Ragged frames lie one after the other in a stacked batch too.
        counts = counts or [(len(source.offsets) - 1) // n] * n
        return join_frames(split_frames(source, counts)[rows])
    if counts is None:
        return source[rows]
    start, frames = sum(counts[: rows.start]), sum(counts[rows])
    return source[:, start : start + frames]
