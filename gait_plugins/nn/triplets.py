"""All triplets of a batch in O(n^2) memory: distances, and sums over the triplets that violate a margin."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def pairwise_distance(x: Tensor, y: Tensor | None = None) -> Tensor:
    """Euclidean distances; zero distances get zero gradient.

    Args:
        x: points ``[p, n, c]``.
        y: points ``[p, m, c]``; None measures ``x`` against itself, the diagonal being exactly zero.

    Returns:
        ``[p, n, m]``.
    """
    other = x if y is None else y
    norms = x.square().sum(-1, keepdim=True) + other.square().sum(-1).unsqueeze(1)
    square = torch.baddbmm(norms, x, other.transpose(1, 2), alpha=-2)
    # Rounding leaves small values of either sign where points coincide; the slope of sqrt is infinite there.
    zero = square.detach() <= 0
    if y is None:
        zero.diagonal(dim1=1, dim2=2).fill_(True)
    return square.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)


class Pairs(NamedTuple):
    """Which samples share an identity, from labels ``[n]``."""

    columns: Tensor
    """int64 ``[n, k]``: for each anchor the samples of its identity, itself among them; padded."""
    valid: Tensor
    """bool ``[n, k]``: False where ``columns`` is padding."""
    negative: Tensor
    """bool ``[n, n]``: pairs of different identities."""

    def positives(self, distance: Tensor) -> Tensor:
        """Anchor-positive distances ``[p, n, k]`` (padding included) of ``[p, n, n]``."""
        return distance.gather(2, self.columns.expand(len(distance), -1, -1))


def pairs_of(labels: Tensor) -> Pairs:
    """Positives and negatives of every anchor; identities may have unequal numbers of samples."""
    match = labels.unsqueeze(1) == labels.unsqueeze(0)
    most = int(match.sum(1).max())
    valid, columns = match.to(torch.uint8).topk(most, dim=1)
    return Pairs(columns, valid.bool(), ~match)


class TripletSums(NamedTuple):
    """Figures over all triplets of a batch, per part; only ``total`` carries a gradient."""

    total: Tensor
    """Sum of the hinges ``[p]``."""
    active: Tensor
    """Triplets with a positive hinge, float ``[p]``."""
    hardest: Tensor
    """Largest hinge, 0 where none is positive, ``[p]``."""

    def mean(self) -> Tensor:
        """Mean over the triplets with a positive hinge; 0 where there is none."""
        return self.total / self.active.clamp(min=1)


def triplet_sums(
    distance: Tensor, pairs: Pairs, margin: float, positive_below: Tensor | None = None
) -> TripletSums:
    """Sum ``relu(d_ap - d_an + margin)`` over all triplets without forming them.

    Which hinges are positive depends on the order of the distances alone; given that, the sum is
    linear: each pair counts as often as it takes part in a positive hinge. So the positives' limits
    ``d_ap + margin`` are sorted, and every negative looks up how many of them it falls short of:
    O(n^2 log k) time for k positives an anchor.

    Args:
        distance: ``[p, n, n]``.
        pairs: positives and negatives of each anchor.
        margin: of the hinge.
        positive_below: ``[p]``; anchor-positive pairs at or beyond it take part in no triplet.
    """
    fixed = distance.detach()
    near = pairs.positives(fixed)
    takes_part = pairs.valid.expand_as(near)
    if positive_below is not None:
        takes_part = takes_part & (near < positive_below[:, None, None])
    # Minus infinity is a limit that every negative keeps.
    limits, order = (near + margin).masked_fill(~takes_part, -torch.inf).sort(dim=2)
    kept = torch.searchsorted(limits, fixed, right=True)
    broken = (limits.shape[2] - kept).masked_fill_(~pairs.negative, 0)
    weight = -broken.to(distance.dtype)
    positive_counts = _times_broken(kept, pairs.negative, limits.shape[2]).to(distance.dtype)
    columns = pairs.columns.expand_as(order).gather(2, order)
    weight.scatter_add_(2, columns, positive_counts)
    active = positive_counts.sum((1, 2))
    total = (weight * distance).sum((1, 2)) + margin * active
    nearest = fixed.masked_fill(~pairs.negative, torch.inf).amin(2)
    return TripletSums(total, active, (limits[..., -1] - nearest).amax(1).clamp(min=0))


def _times_broken(kept: Tensor, negative: Tensor, limits: int) -> Tensor:
    """How many negatives fall short of each sorted limit, ``[p, n, k]``."""
    ones = negative.to(torch.int64).expand_as(kept)
    histogram = kept.new_zeros(*kept.shape[:2], limits + 1).scatter_add_(2, kept, ones)
    return histogram.cumsum(2)[..., :limits]
