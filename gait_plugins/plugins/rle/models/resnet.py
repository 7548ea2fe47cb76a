"""ResNet-18 and ResNet-50 in two pieces, keyed as torchvision's (He et al., CVPR 2016)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

Depth = Literal[18, 50]


class Stem(nn.Module):
    """From the image to the first max-pool, a quarter of its size.

    Args:
        channels: 64 as published.
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)

    def forward(self, images: Tensor) -> Tensor:
        """``[m, 3, h, w]`` to ``[m, channels, h / 4, w / 4]``."""
        return F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, 2, 1)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion: ClassVar[int] = 1

    def __init__(self, inplanes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = _shortcut(inplanes, planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        """``[m, inplanes, h, w]`` to ``[m, planes, h / stride, w / stride]``."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """A 3x3 convolution between two of 1x1, and a shortcut."""

    expansion: ClassVar[int] = 4

    def __init__(self, inplanes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.downsample = _shortcut(inplanes, planes * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        """``[m, inplanes, h, w]`` to ``[m, 4 * planes, h / stride, w / stride]``."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class _Plan(NamedTuple):
    block: type[BasicBlock] | type[Bottleneck]
    repeats: tuple[int, int, int, int]


PLANS: dict[int, _Plan] = {
    18: _Plan(BasicBlock, (2, 2, 2, 2)),
    50: _Plan(Bottleneck, (3, 4, 6, 3)),
}


class Layers(nn.Module):
    """``layer1`` to ``layer4`` or the first of them; the fourth keeps the size of the third.

    Args:
        depth: 18 or 50.
        width: channels of the stem, 64 as published.
        count: number of layers, 1 to 4.
    """

    def __init__(self, depth: Depth = 50, width: int = 64, count: int = 4) -> None:
        super().__init__()
        plan = PLANS[depth]
        strides = (1, 2, 2, 1)
        channels = width
        for number in range(count):
            planes = width * 2**number
            blocks = []
            for position in range(plan.repeats[number]):
                blocks.append(plan.block(channels, planes, strides[number] if position == 0 else 1))
                channels = planes * plan.block.expansion
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))
        self.out_channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """``[m, width, h, w]`` to ``[m, out_channels, h / 4, w / 4]`` (four layers)."""
        for layer in self.children():
            x = layer(x)
        return x


def init_residual(module: nn.Module) -> None:
    """The usual start of residual networks: He normal by fan-out, norms at 1 and 0."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            fan_out = part.kernel_size[0] * part.kernel_size[1] * part.out_channels
            nn.init.normal_(part.weight, 0, math.sqrt(2 / fan_out))
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


def _shortcut(inplanes: int, planes: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inplanes == planes:
        return None
    return nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))
