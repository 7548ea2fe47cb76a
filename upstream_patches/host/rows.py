"""Batches taken apart into single sequences, and outputs joined again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gait_plugins.api import GaitBatch
from gait_plugins.nn import split_lengths


def one_by_one(batch: GaitBatch) -> Iterator[GaitBatch]:
    """Each sequence of a batch as a batch of its own, ``[1, s, ...]``."""
    lengths = split_lengths(batch.seq_lens)
    apart = [torch.split(x, 1) if lengths is None else torch.split(x, lengths, 1) for x in batch.inputs]
    for i, sources in enumerate(zip(*apart, strict=True)):
        one = slice(i, i + 1)
        yield GaitBatch(list(sources), batch.labels[one], batch.types[one], batch.views[one], None)


def joined(outputs: Sequence[Any]) -> Any:
    """Equal structures as one: tensors ``[1, ...]`` of each sequence below one another."""
    first = outputs[0]
    if len(outputs) == 1:
        return first
    if isinstance(first, Mapping):
        return {key: joined([output[key] for output in outputs]) for key in first}
    if isinstance(first, Tensor):
        return torch.cat(list(outputs)) if first.dim() else torch.stack(list(outputs))
    return list(outputs)
