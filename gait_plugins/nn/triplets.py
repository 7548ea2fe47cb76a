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
    # About their mean, points are near zero: the difference of squares then loses few digits.
    mean = x.detach().mean(1, keepdim=True)
    x = x - mean
    other = x if y is None else y - mean
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
    linear: each pair counts as often as it takes part in a positive hinge. Counting those is all that
    is left to do.

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
    # Minus infinity is a limit that every negative keeps, infinity a distance that keeps every limit.
    limits = (near + margin).masked_fill(~takes_part, -torch.inf)
    far = fixed.masked_fill(~pairs.negative, torch.inf)
    count = _count_by_passes if limits.shape[2] <= MOST_PASSES else _count_by_search
    weight, broken = count(limits, far)
    active = broken.sum((1, 2))
    weight.neg_().scatter_add_(2, pairs.columns.expand_as(broken), broken)
    total = (weight * distance).sum((1, 2)) + margin * active
    hardest = (limits.amax(2) - far.amin(2)).amax(1).clamp(min=0)
    return TripletSums(total, active, hardest)


MOST_PASSES = 64
"""Positives of an anchor up to which a pass over the distances for each is cheaper than a search."""


def _count_by_passes(limits: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
    """For each distance the limits it falls short of, for each limit the distances short of it.

    ``[p, n, n]`` and ``[p, n, k]``. O(n^2 k) comparisons, but in plain vector code.
    """
    falls_short, breaks, broken = torch.empty_like(far), torch.zeros_like(far), torch.empty_like(limits)
    for k in range(limits.shape[2]):
        torch.lt(far, limits[..., k : k + 1], out=falls_short)
        breaks += falls_short
        broken[..., k] = falls_short.sum(2)
    return breaks, broken


def _count_by_search(limits: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
    """The same in O(n^2 log k): each distance is looked up among the sorted limits of its anchor."""
    ascending, order = limits.sort(dim=2)
    kept = torch.searchsorted(ascending, far, right=True)
    histogram = kept.new_zeros(*kept.shape[:2], limits.shape[2] + 1)
    histogram.scatter_add_(2, kept, torch.ones_like(kept))
    short_of_sorted = histogram.cumsum(2)[..., :-1].to(far.dtype)
    return (limits.shape[2] - kept).to(far.dtype), torch.empty_like(limits).scatter_(
        2, order, short_of_sorted
    )
