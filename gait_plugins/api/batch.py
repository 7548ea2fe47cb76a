"""Batches: the input of models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor


class RaggedTensor(NamedTuple):
    """Frames of unequal size, such as point clouds: the rows of all frames, one after the other.

    ``gait_plugins.nn.ragged_frames`` splits, pads and pools them.
    """

    values: Tensor
    """``[m, ...]``."""
    offsets: Tensor
    """int64 ``[frames + 1]``: frame i is ``values[offsets[i]:offsets[i + 1]]``; frames of a batch lie
    sequence after sequence, whether it is packed or not."""

    def to(self, device: torch.device | str, **options: Any) -> RaggedTensor:
        """The same on another device."""
        return RaggedTensor(self.values.to(device, **options), self.offsets.to(device, **options))

    def clone(self) -> RaggedTensor:
        """A copy."""
        return RaggedTensor(self.values.clone(), self.offsets.clone())


class _Fields(NamedTuple):
    inputs: list[Any]
    """One tensor (or :class:`RaggedTensor`) per input source; silhouettes as float32 in [0, 1]."""
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

    Equal lengths: ``inputs[i]`` is ``[n, s, h, w]`` (or ``[n, s, c, h, w]``, or whatever frames the stream
    has) and ``seq_lens`` is None. Packed: ``inputs[i]`` is ``[1, sum(s_j), h, w]``, all sequences one after
    the other along time.
    """

    targets: Mapping[str, Tensor] = MappingProxyType({})
    """What transforms and data set know of each sequence beside its identity: name -> ``[n, ...]``.

    It is no field, so that the batch unpacks into OpenGait's five."""

    names: tuple[str, ...] = ()
    """Names of the streams in ``inputs``; empty where data set and model do not say."""

    lens: Mapping[str, Tensor] = MappingProxyType({})
    """Stream -> its frames of each sequence, int32 ``[1, n]``, for streams with frames of their own clock, in
    packed batches and in others; the other streams have those of ``seq_lens``."""

    def stream(self, name: str) -> Any:
        """The tensor, or :class:`RaggedTensor`, of a stream."""
        return self.inputs[self.names.index(name)]

    def __new__(
        cls,
        inputs: list[Any],
        labels: Tensor,
        types: list[str],
        views: list[str],
        seq_lens: Tensor | None,
        targets: Mapping[str, Tensor] | None = None,
        names: tuple[str, ...] = (),
        lens: Mapping[str, Tensor] | None = None,
    ) -> GaitBatch:
        batch = super().__new__(cls, inputs, labels, types, views, seq_lens)
        batch.targets = targets or {}
        batch.names, batch.lens = names, lens or {}
        return batch

    @classmethod
    def of(cls, batch: tuple[Any, ...]) -> GaitBatch:
        """A batch as it is, and OpenGait's plain five as one."""
        return batch if isinstance(batch, cls) else cls(*batch)

    def _replace(self, **changes: Any) -> GaitBatch:
        beside = {key: changes.pop(key, getattr(self, key)) for key in ("targets", "names", "lens")}
        return GaitBatch(*super()._replace(**changes), **beside)

    def to(self, device: torch.device | str) -> GaitBatch:
        """The same batch with its tensors on ``device``."""
        lens = None if self.seq_lens is None else self.seq_lens.to(device)
        return self._replace(
            inputs=[x.to(device, non_blocking=True) for x in self.inputs],
            labels=self.labels.to(device, non_blocking=True),
            seq_lens=lens,
            targets={name: x.to(device, non_blocking=True) for name, x in self.targets.items()},
            lens={name: x.to(device, non_blocking=True) for name, x in self.lens.items()},
        )
