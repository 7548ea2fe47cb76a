"""Batches: the input of models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor


class _Fields(NamedTuple):
    inputs: list[Tensor]
    """One tensor per input source, float in [0, 1]."""
    labels: Tensor
    """Class index of each sequence, int64 ``[n]``."""
    types: list[str]
    """Walking condition of each sequence (``nm-01``)."""
    views: list[str]
    """Camera view of each sequence (``090``)."""
    seq_lens: Tensor | None
    """Frames of each packed sequence, int32 ``[1, n]``, or None."""


class GaitBatch(_Fields):
    """One batch; unpacks like OpenGait's ``ipts, labs, typs, vies, seqL``.

    Equal lengths: ``inputs[i]`` is ``[n, s, h, w]`` (or ``[n, s, c, h, w]``) and ``seq_lens`` is None.
    Packed: ``inputs[i]`` is ``[1, sum(s_j), h, w]``, all sequences one after the other along time.
    """

    targets: Mapping[str, Tensor] = MappingProxyType({})
    """What transforms and data set know of each sequence beside its identity: name -> ``[n, ...]``.

    It is no field, so that the batch unpacks into OpenGait's five."""

    def __new__(
        cls,
        inputs: list[Tensor],
        labels: Tensor,
        types: list[str],
        views: list[str],
        seq_lens: Tensor | None,
        targets: Mapping[str, Tensor] | None = None,
    ) -> GaitBatch:
        batch = super().__new__(cls, inputs, labels, types, views, seq_lens)
        batch.targets = targets or {}
        return batch

    @classmethod
    def of(cls, batch: tuple[Any, ...]) -> GaitBatch:
        """A batch as it is, and OpenGait's plain five as one."""
        return batch if isinstance(batch, cls) else cls(*batch)

    def _replace(self, **changes: Any) -> GaitBatch:
        targets = changes.pop("targets", self.targets)
        return GaitBatch(*super()._replace(**changes), targets=targets)

    def to(self, device: torch.device | str) -> GaitBatch:
        """The same batch with its tensors on ``device``."""
        lens = None if self.seq_lens is None else self.seq_lens.to(device)
        return self._replace(
            inputs=[x.to(device, non_blocking=True) for x in self.inputs],
            labels=self.labels.to(device, non_blocking=True),
            seq_lens=lens,
            targets={name: x.to(device, non_blocking=True) for name, x in self.targets.items()},
        )
