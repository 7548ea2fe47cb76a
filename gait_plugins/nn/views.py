"""Two views of each sequence in one batch, for models that contrast them."""

from __future__ import annotations

from torch import Tensor

from gait_plugins.api.batch import GaitBatch
from gait_plugins.errors import ConfigError


def views_of(batch: GaitBatch, where: str) -> list[tuple[Tensor, Tensor | None]]:
    """The two halves of a batch as frames and ``seq_lens``.

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
            "divide by the number of processes",
        )
    frames, lens = batch.inputs[0], batch.seq_lens
    if lens is None:
        return [(frames[:n], None), (frames[n:], None)]
    first, second = lens[:, :n], lens[:, n:]
    cut = int(first.sum())
    return [(frames[:, :cut], first), (frames[:, cut:], second)]
