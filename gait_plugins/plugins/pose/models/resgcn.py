"""ResGCN: residual graph convolutions, and convolutions over time (Song et al., arXiv 2010.09978)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.pose.models.joint_maps import (
    GraphConv,
    joint_maps,
    mean_of_maps,
    shortcut,
    temporal_conv,
)

Block = Literal["Bottleneck", "Basic", "initial"]

_WINDOW = 9
_SUBSETS = 3
"""Hops 0, 1 and 2. The graph has a matrix for 3 hops too, and so have learned edges, but nothing uses it."""


class ResGCN(nn.Module):
    """A branch for each kind of input, then a main stream of all together.

    Keys and shapes of the state dict are OpenGait's.

    Args:
        input_num: branches.
        input_branch: channels of a joint and of each module of a branch.
        main_stream: channels that come from a branch, and of each module of the main stream.
        num_class: channels of the embedding.
        reduction: by which a bottleneck is narrower.
        block: ``Bottleneck``; ``Basic``, with a residual around each module; ``initial``, without residuals.
        graph: adjacency by hops, ``[4, v, v]``.

    Raises:
        ConfigError: widths do not fit each other.
    """

    def __init__(
        self,
        input_num: int,
        input_branch: Sequence[int],
        main_stream: Sequence[int],
        num_class: int,
        reduction: int,
        block: Block,
        graph: Tensor,
    ) -> None:
        super().__init__()
        _check_widths(input_branch, main_stream, reduction, block)
        self.head = nn.ModuleList(_Branch(input_branch, block, graph, reduction) for _ in range(input_num))
        self.backbone = nn.ModuleList()
        for place, (wide, out) in enumerate(pairwise(main_stream)):
            halves = block == "Bottleneck" if place == 0 else wide != out
            wide = wide * input_num if place == 0 else wide
            self.backbone.append(_Module(wide, out, block, graph, 2 if halves else 1, reduction))
        self.fcn = nn.Linear(main_stream[-1], num_class)

    def forward(self, frames: Tensor) -> Tensor:
        """Joints ``[n, t, v, branches, c]`` to embeddings ``[n, c]``."""
        adjacency: Tensor = self.head[0].A  # type: ignore[assignment]
        branches = [branch(joint_maps(frames[:, :, :, i])) for i, branch in enumerate(self.head)]
        x = torch.cat(branches, 1) if len(branches) > 1 else branches[0]
        for module in self.backbone:
            x = module(x, adjacency)
        embeddings: Tensor = self.fcn(mean_of_maps(x))
        return embeddings


def _check_widths(branch: Sequence[int], main: Sequence[int], reduction: int, block: str) -> None:
    for name, widths in (("input_branch", branch), ("main_stream", main)):
        if len(widths) < 2 or min(widths) < 1:
            raise ConfigError(
                f"{name} is {list(widths)}, expected two or more widths of 1 or more",
                where="ResGCN",
                hint=f"give the channels that go in, then those of each module: {name}: [5, 64, 32]",
            )
    if branch[-1] != main[0]:
        raise ConfigError(
            f"main_stream begins with {main[0]}, expected {branch[-1]} (the last value of input_branch)",
            where="ResGCN",
            hint=f"set main_stream to [{branch[-1]}, ...]: what each branch gives",
        )
    if block == "Bottleneck" and min(*branch[1:], *main[1:]) < reduction:
        raise ConfigError(
            f"reduction is {reduction}, but the narrowest module has {min(*branch[1:], *main[1:])} channels",
            where="ResGCN",
            hint="choose a smaller reduction",
        )


class _Branch(nn.Module):
    def __init__(self, widths: Sequence[int], block: Block, graph: Tensor, reduction: int) -> None:
        super().__init__()
        self.A: Tensor
        self.register_buffer("A", graph)
        self.bn = nn.BatchNorm2d(widths[0])
        self.layers = nn.ModuleList(
            _Module(wide, out, block if place else "initial", graph, 1, reduction)
            for place, (wide, out) in enumerate(pairwise(widths))
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(x)
        for layer in self.layers:
            x = layer(x, self.A)
        return x


class _Module(nn.Module):
    """A unit over joints, then one over time."""

    def __init__(self, wide: int, out: int, block: Block, graph: Tensor, stride: int, reduction: int) -> None:
        super().__init__()
        self.residual: nn.Module | None = None
        if block == "Basic":
            same = stride == 1 and wide == out
            self.residual = nn.Identity() if same else shortcut(wide, out, stride)
        if block == "Bottleneck":
            self.scn: nn.Module = _SpatialBottleneck(wide, out, reduction)
            self.tcn: nn.Module = _TemporalBottleneck(out, stride, reduction)
        else:
            self.scn, self.tcn = _SpatialBasic(wide, out), _TemporalBasic(out, stride)
        self.edge = nn.Parameter(torch.ones_like(graph))

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        around = None if self.residual is None else self.residual(x)
        edges = adjacency[:_SUBSETS] * self.edge[:_SUBSETS]
        y: Tensor = self.tcn(self.scn(x, edges), around)
        return y


class _SpatialBasic(nn.Module):
    def __init__(self, wide: int, out: int) -> None:
        super().__init__()
        self.conv = GraphConv(wide, out, _SUBSETS, "gcn")
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x, edges)), inplace=True)


class _TemporalBasic(nn.Module):
    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv = temporal_conv(channels, channels, _WINDOW, stride)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, around: Tensor | None) -> Tensor:
        y: Tensor = self.bn(self.conv(x))
        return F.relu(y if around is None else y.add_(around), inplace=True)


class _SpatialBottleneck(nn.Module):
    def __init__(self, wide: int, out: int, reduction: int) -> None:
        super().__init__()
        narrow = out // reduction
        self.residual = nn.Identity() if wide == out else shortcut(wide, out)
        self.conv_down = nn.Conv2d(wide, narrow, 1)
        self.bn_down = nn.BatchNorm2d(narrow)
        self.conv = GraphConv(narrow, narrow, _SUBSETS, "gcn")
        self.bn = nn.BatchNorm2d(narrow)
        self.conv_up = nn.Conv2d(narrow, out, 1)
        self.bn_up = nn.BatchNorm2d(out)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        y = F.relu(self.bn_down(self.conv_down(x)), inplace=True)
        y = F.relu(self.bn(self.conv(y, edges)), inplace=True)
        y = self.bn_up(self.conv_up(y))
        return F.relu(y.add_(self.residual(x)), inplace=True)


class _TemporalBottleneck(nn.Module):
    def __init__(self, channels: int, stride: int, reduction: int) -> None:
        super().__init__()
        narrow = channels // reduction
        self.residual = nn.Identity() if stride == 1 else shortcut(channels, channels, stride)
        self.conv_down = nn.Conv2d(channels, narrow, 1)
        self.bn_down = nn.BatchNorm2d(narrow)
        self.conv = temporal_conv(narrow, narrow, _WINDOW, stride)
        self.bn = nn.BatchNorm2d(narrow)
        self.conv_up = nn.Conv2d(narrow, channels, 1)
        self.bn_up = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, around: Tensor | None) -> Tensor:
        y = F.relu(self.bn_down(self.conv_down(x)), inplace=True)
        y = F.relu(self.bn(self.conv(y)), inplace=True)
        y = self.bn_up(self.conv_up(y)).add_(self.residual(x))
        return F.relu(y if around is None else y.add_(around), inplace=True)
