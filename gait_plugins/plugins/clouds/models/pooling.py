"""Pools of points: from the features of a cloud's points to those of its parts, by height or as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.errors import ConfigError

HIGHEST = 2.0
"""Metres above the ground that bins by height reach to."""
_LEAST_RANGE = 1e-6


class HeightBins(nn.Module):
    """HAP: bins of equal height from the ground to 2 m; points above belong to the last, empty bins are 0.

    Args:
        bin_num: bins of each level; levels are concatenated.
    """

    def __init__(self, bin_num: Sequence[int]) -> None:
        super().__init__()
        self.bin_num = tuple(bin_num)

    def forward(self, features: Tensor, points: Tensor) -> Tensor:
        """Features ``[b, n, c]`` of points ``[b, n, 4]``, heights in metres last, to ``[b, c, p]``."""
        return pooled_bins(features, points[..., 3], self.bin_num, HIGHEST)


class RangeBins(nn.Module):
    """UAP: bins of equal height between the lowest and the highest point of each cloud.

    Args:
        bin_num: bins of each level; levels are concatenated.
        published: parity with OpenGait: between those of the first cloud in the batch, for all clouds.
    """

    def __init__(self, bin_num: Sequence[int], published: bool = False) -> None:
        super().__init__()
        self.bin_num = tuple(bin_num)
        self.published = published

    def forward(self, features: Tensor, points: Tensor) -> Tensor:
        """Features ``[b, n, c]`` of points ``[b, n, 3]``, z last, to ``[b, c, p]``."""
        z = points[..., 2]
        measured = z[:1] if self.published else z
        low = measured.amin(1, keepdim=True)
        spread = measured.amax(1, keepdim=True) - low + _LEAST_RANGE
        return pooled_bins(features, (z - low) / spread, self.bin_num, 1.0)


class CountBins(nn.Module):
    """UDP: bins of equally many points, from the lowest to the highest; with one bin GMaxP.

    Args:
        bin_num: bins of each level; levels are concatenated.
    """

    def __init__(self, bin_num: Sequence[int]) -> None:
        super().__init__()
        self.bin_num = tuple(bin_num)

    def forward(self, features: Tensor, points: Tensor) -> Tensor:
        """Features ``[b, n, c]`` of points ``[b, n, 3 or 4]``, z third, to ``[b, c, p]``."""
        b, n, c = features.shape
        order = points[..., 2].argsort(dim=1, stable=True)
        sorted_ = features.gather(1, order[..., None].expand(-1, -1, c))
        levels = [sorted_.view(b, bins, n // bins, c) for bins in self.bin_num]
        return torch.cat([level.mean(2) + level.amax(2) for level in levels], 1).transpose(1, 2)


class NetVLAD(nn.Module):
    """Residuals to learned centres, each weighted by how near the centre is (Arandjelović et al., CVPR 2016).

    Args:
        num_clusters: centres.
        dim: channels of the features.
        alpha: how sharply the nearest centre wins at the start.
    """

    def __init__(self, num_clusters: int, dim: int, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha
        self.centroids = nn.Parameter(torch.rand(num_clusters, dim))
        self.conv = nn.Conv2d(dim, num_clusters, 1)
        self.start()

    @torch.no_grad()
    def start(self) -> None:
        """Draw the centres, and set the weights by which points belong to them."""
        nn.init.uniform_(self.centroids)
        self.conv.weight.copy_((2 * self.alpha * self.centroids)[..., None, None])
        assert self.conv.bias is not None
        self.conv.bias.copy_(-self.alpha * self.centroids.norm(dim=1))

    def forward(self, features: Tensor, points: Tensor) -> Tensor:
        """Features ``[b, n, c]`` to one part ``[b, clusters * c, 1]`` of length 1."""
        unit = F.normalize(features, dim=2)
        shares = F.linear(unit, self.conv.weight[:, :, 0, 0], self.conv.bias).softmax(2)
        sums = shares.transpose(1, 2) @ unit - shares.sum(1)[..., None] * self.centroids
        return F.normalize(F.normalize(sums, dim=2).flatten(1), dim=1).unsqueeze(2)


def pooled_bins(features: Tensor, heights: Tensor, bin_num: Sequence[int], top: float) -> Tensor:
    """Mean plus maximum of the points of each bin; 0 where there is none.

    Args:
        features: ``[b, n, c]``.
        heights: ``[b, n]``; one on an edge belongs to the bin below, one beyond the ends to the nearest bin.
        bin_num: bins of each level, all of the same height.
        top: where the last bin ends; the first begins at 0.

    Returns:
        ``[b, c, p]``, p the number of all bins.
    """
    b, _, c = features.shape
    places, first = [], 0
    for bins in bin_num:
        edges = torch.linspace(0.0, top, bins + 1, device=heights.device)[1:-1]
        places.append(torch.bucketize(heights.contiguous(), edges) + first)
        first += bins
    # Every point belongs to one bin of each level: all levels are scattered at once.
    place = torch.cat(places, 1).unsqueeze(2)
    source = features.repeat(1, len(places), 1)
    wide = place.expand(-1, -1, c)
    total = features.new_zeros(b, first, c).scatter_add(1, wide, source)
    count = features.new_zeros(b, first, 1).scatter_add(1, place, torch.ones_like(source[..., :1]))
    highest = features.new_full((b, first, c), -torch.inf).scatter_reduce(1, wide, source, "amax")
    return torch.where(count > 0, highest + total / count.clamp(min=1), 0.0).transpose(1, 2)


def check_counts(bin_num: Sequence[int], points: int, where: str) -> None:
    """Refuse bins of equally many points that ``points`` do not divide into.

    Raises:
        ConfigError: names the number of bins and of points.
    """
    for bins in bin_num:
        if points % bins:
            raise ConfigError(
                f"the {points} points of the last level do not divide into {bins} bins of equally many",
                where=where,
                hint="choose a last value of npoints that every number in scale divides, or another pool",
            )
