"""Set abstraction: features of points from those of their neighbours (PointNet++, Qi et al., 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.plugins.clouds.models.neighbours import farthest_points, nearest_points, points_in_ball
from gait_plugins.plugins.clouds.models.norm_and_max import highest_of_neighbours

Sampling = Literal["knn", "ball"]


class Cloud(NamedTuple):
    """Points of several clouds."""

    points: Tensor
    """``[b, n, 3]``, or with the height above the ground ``[b, n, 4]``."""
    features: Tensor | None
    """``[b, n, c]``."""
    own: Tensor | None = None
    """bool ``[b, n]``, false for rows that only fill up a cloud; None: all are points."""


class PointMLP(nn.Module):
    """Layers of a 1x1 convolution, a norm and ReLU over points, as OpenGait names them.

    Args:
        wide: channels of a point.
        mlp: channels of each layer.
    """

    def __init__(self, wide: int, mlp: Sequence[int]) -> None:
        super().__init__()
        widths = [wide, *mlp]
        pairs = list(pairwise(widths))
        self.mlp_convs = nn.ModuleList(nn.Conv2d(before, after, 1) for before, after in pairs)
        self.mlp_bns = nn.ModuleList(nn.BatchNorm2d(after) for _, after in pairs)

    def layer(self, number: int) -> tuple[Tensor, Tensor | None]:
        """Weight ``[c', c]`` and bias of a convolution."""
        conv = cast(nn.Conv2d, self.mlp_convs[number])
        return conv.weight.flatten(1), conv.bias

    def layers(self, first: Tensor, k: int = 1) -> Tensor:
        """All layers, from what the first convolution has given, rows ``[m, c]``; the highest of each k."""
        rows, last = first, len(self.mlp_bns) - 1
        for number, norm in enumerate(self.mlp_bns):
            if number:
                rows = F.linear(rows, *self.layer(number))
            if number == last and k > 1:
                return highest_of_neighbours(norm, rows, k)
            # In place of the norm's own output: of a view, each backward pass would copy it several times.
            rows = F.relu(norm(rows[..., None, None]), inplace=True).flatten(1)
        return rows


class SetAbstraction(PointMLP):
    """Choose points that cover each cloud, and describe each by its neighbours.

    Args:
        npoint: points to choose.
        radius: of the ball; offsets of neighbours are divided by it where ``normalize_dp``.
        nsample: neighbours of each point.
        coordinates: of a point: 3, or 4 with its height.
        wide: channels of the features that come in; 0: there are none.
        mlp: channels of each layer.
        sampling: ``knn`` for the nearest neighbours, ``ball`` for those within the radius.
        normalize_dp: see ``radius``.
    """

    def __init__(
        self,
        npoint: int,
        radius: float,
        nsample: int,
        coordinates: int,
        wide: int,
        mlp: Sequence[int],
        sampling: Sampling,
        normalize_dp: bool,
    ) -> None:
        super().__init__(coordinates + wide, mlp)
        self.npoint, self.radius, self.nsample = npoint, radius, nsample
        self.sampling, self.coordinates = sampling, coordinates
        self.scale = 1 / radius if normalize_dp else 1.0

    def forward(self, cloud: Cloud, start: Tensor | None = None) -> Cloud:
        """The chosen points with their features.

        Args:
            cloud: of ``[b, n]`` points.
            start: as of :func:`farthest_points`.
        """
        centres, groups = self.grouped(cloud, start)
        b, s, k = groups.shape
        # Everything from here on is rows, a point and its channels: neighbours are whole rows.
        first = torch.arange(b, device=groups.device).view(b, 1, 1) * cloud.points.shape[1]
        places = (groups + first).flatten()
        near = cloud.points.flatten(0, 1).index_select(0, places).view(b, s, k, -1)
        offsets = near.sub_(centres[:, :, None]).mul_(self.scale)[..., : self.coordinates].flatten(1, 2)
        weight, bias = self.layer(0)
        # Cloud by cloud: one product of all rows by so few columns is slow in the backward pass.
        to_offsets = weight[:, : self.coordinates].t().expand(b, -1, -1)
        if cloud.features is None:
            assert bias is not None
            rows = torch.baddbmm(bias, offsets, to_offsets)
        else:
            # The first layer sees features as they are: it is worked out for each point, not each neighbour.
            seen = F.linear(cloud.features.flatten(0, 1), weight[:, self.coordinates :], bias)
            same = seen.dtype  # another one in mixed precision
            rows = seen.index_select(0, places).view(b, s * k, -1)
            rows = torch.baddbmm(rows, offsets.to(same), to_offsets.to(same))
        rows = rows.flatten(0, 1)
        return Cloud(centres, self.layers(rows, k).view(b, s, -1))

    @torch.no_grad()
    def grouped(self, cloud: Cloud, start: Tensor | None) -> tuple[Tensor, Tensor]:
        """The chosen points ``[b, s, 3 or 4]``, and the places of their neighbours ``[b, s, k]``."""
        xyz = cloud.points[..., :3]
        chosen = farthest_points(xyz, self.npoint, start, cloud.own)
        centres = cloud.points.gather(1, chosen[..., None].expand(-1, -1, cloud.points.shape[2]))
        if self.sampling == "knn":
            return centres, nearest_points(xyz, centres[..., :3], self.nsample, cloud.own)
        return centres, points_in_ball(xyz, centres[..., :3], self.radius, self.nsample, cloud.own)


class PointFeatures(PointMLP):
    """Features of each point from its own features and where it is; nothing is chosen.

    Args:
        coordinates: of a point: 3, or 4 with its height.
        wide: channels of the features that come in.
        mlp: channels of each layer.
    """

    def __init__(self, coordinates: int, wide: int, mlp: Sequence[int]) -> None:
        super().__init__(coordinates + wide, mlp)
        self.coordinates = coordinates

    def forward(self, cloud: Cloud) -> Tensor:
        """Features ``[b, n, c]``."""
        assert cloud.features is not None
        rows = torch.cat([cloud.points[..., : self.coordinates], cloud.features], 2).flatten(0, 1)
        found = self.layers(F.linear(rows, *self.layer(0)))
        return found.view(*cloud.points.shape[:2], -1)
