"""The hardest pairs of every sample of a batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class HardestPairs(NamedTuple):
    """Distances of each anchor to its furthest positive and its nearest negative."""

    positive: Tensor
    """``[p, n]``; 0 where there is no other sample of the identity."""
    negative: Tensor
    """``[p, n]``; infinite where there is no other identity."""
    anchors: Tensor
    """bool ``[n]``: samples that have both."""


def hardest_pairs(distance: Tensor, labels: Tensor) -> HardestPairs:
    """Batch-hard mining (Hermans et al. 2017), for all anchors at once.

    Args:
        distance: ``[p, n, n]``.
        labels: identities ``[n]``; they may have unequal numbers of samples.
    """
    same = labels.unsqueeze(1) == labels.unsqueeze(0)
    other = ~same
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return HardestPairs(
        distance.masked_fill(~positive, 0).amax(2),
        distance.masked_fill(same, torch.inf).amin(2),
        positive.any(1) & other.any(1),
    )
