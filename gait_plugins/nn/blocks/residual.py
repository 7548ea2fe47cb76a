"""Residual blocks on single frames (He et al., CVPR 2016), keyed as torchvision's."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.nn.blocks.map_conv import MapConv
from gait_plugins.nn.blocks.map_norm import MapNorm


class BasicBlock(nn.Module):
    """Two 3x3 convolutions; ``planes`` channels out.

    Args:
        inplanes: channels of the input.
        planes: channels within the block.
        stride: of the first 3x3 convolution.
    """

    expansion: ClassVar[int] = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = MapNorm(planes)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = MapNorm(planes)
        self.downsample = _projection(inplanes, planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        """``[m, inplanes, h, w]`` to ``[m, planes, h / stride, w / stride]``."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        y = y + (x if self.downsample is None else self.downsample(x))
        return F.relu(y, inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions; ``4 * planes`` channels out.

    Args:
        inplanes: channels of the input.
        planes: channels within the block.
        stride: of the 3x3 convolution.
    """

    expansion: ClassVar[int] = 4

    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        out = planes * self.expansion
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = MapNorm(planes)
        self.conv2 = conv3x3(planes, planes, stride)
        self.bn2 = MapNorm(planes)
        self.conv3 = nn.Conv2d(planes, out, 1, bias=False)
        self.bn3 = MapNorm(out)
        self.downsample = _projection(inplanes, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """``[m, inplanes, h, w]`` to ``[m, 4 * planes, h / stride, w / stride]``."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution without bias that keeps the size, but for the stride."""
    return MapConv(in_channels, out_channels, 3, stride, padding=1, bias=False)


def _projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), MapNorm(out_channels))
