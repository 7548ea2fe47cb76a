"""Contrastive views: two augmentations of each sequence in one batch, for models that contrast them."""

from __future__ import annotations

from gait_plugins.api.batch import GaitBatch
from gait_plugins.errors import ConfigError


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
    lens = batch.seq_lens
    if lens is None:
        inputs = [source[rows] for source in batch.inputs]
    else:
        start, frames = int(lens[0, : rows.start].sum()), int(lens[0, rows].sum())
        inputs = [source[:, start : start + frames] for source in batch.inputs]
    return GaitBatch(
        inputs,
        batch.labels[rows],
        batch.types[rows],
        batch.views[rows],
        None if lens is None else lens[:, rows],
        {name: target[rows] for name, target in batch.targets.items()},
    )
