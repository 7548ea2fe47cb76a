"""A batch to try a copy of a model on: real sequences, and few frames of them."""

from __future__ import annotations

from torch import Tensor

from gait_plugins.api import GaitBatch

SEQUENCES, FRAMES = 2, 3


def few_frames(batch: GaitBatch) -> GaitBatch:
    """The first frames of a batch's first sequences; the batch itself where its streams cannot be cut alike.

    Sequences of equal length stay stacked, others stay packed.
    """
    if batch.lens or any(not isinstance(each, Tensor) for each in batch.inputs):
        return batch
    count = min(SEQUENCES, len(batch.labels))
    if batch.seq_lens is None:
        inputs = [each[:count, :FRAMES] for each in batch.inputs]
        lens = None
    else:
        total = int(batch.seq_lens.sum())
        if any(each.shape[1] != total for each in batch.inputs):
            return batch
        lengths = batch.seq_lens.flatten().tolist()
        start = 0
        kept: list[int] = []
        taken: list[int] = []
        for length in lengths[:count]:
            taken.append(min(length, FRAMES - len(taken)))  # of unequal length
            kept += range(start, start + taken[-1])
            start += length
        inputs = [each[:, kept] for each in batch.inputs]
        lens = batch.seq_lens.new_tensor([taken])
    targets = {name: value[:count] for name, value in batch.targets.items()}
    few = (batch.labels[:count], batch.types[:count], batch.views[:count])
    return GaitBatch(inputs, *few, lens, targets, batch.names)
