"""What a model is fed with."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class GaitBatch(NamedTuple):
    """One batch; unpacks like OpenGait's ``ipts, labs, typs, vies, seqL``.

    Equal lengths: ``inputs[i]`` is ``[n, s, h, w]`` (or ``[n, s, c, h, w]``) and ``seq_lens`` is None.
    Packed: ``inputs[i]`` is ``[1, sum(s_j), h, w]``, all sequences one after the other along time.
    """

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

    def to(self, device: torch.device | str) -> GaitBatch:
        """The same batch with its tensors on ``device``."""
        lens = None if self.seq_lens is None else self.seq_lens.to(device)
        return self._replace(
            inputs=[x.to(device, non_blocking=True) for x in self.inputs],
            labels=self.labels.to(device, non_blocking=True),
            seq_lens=lens,
        )
