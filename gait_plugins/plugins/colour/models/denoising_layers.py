"""Layers of DenoisingGait: encoders of features, two residual stems, and their fusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.nn import FrameWise

SQUEEZE = 16


class AppearancePair(nn.Module):
    """Two encoders of a frame's features, within the body: one asks, the other is compared with."""

    def __init__(self) -> None:
        super().__init__()
        self.q_encoder = FrameWise(_encoder(4, 16, 8))
        self.k_encoder = FrameWise(_encoder(4, 16, 8))

    def forward(self, one: Tensor, two: Tensor, one_mask: Tensor, two_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[m, 4, h, w]`` and masks ``[m, 1, h, w]`` of two frames to ``[m, 4, h, w]`` each."""
        first, second = self.q_encoder.forward_block(one), self.k_encoder.forward_block(two)
        return first.sigmoid() * one_mask, second.sigmoid() * two_mask


class SelfPair(nn.Module):
    """Two encoders of the same frame, within the body, each with a decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder0 = FrameWise(_encoder(16, 64, 32))
        self.encoder1 = FrameWise(_encoder(16, 64, 32))
        self.decoder0 = FrameWise(_decoder(16))
        self.decoder1 = FrameWise(_decoder(16))

    def forward(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[m, 4, h, w]`` and masks ``[m, 1, h, w]`` to two maps ``[m, 16, h, w]``."""
        first = self.encoder0.forward_block(features).sigmoid() * mask
        second = self.encoder1.forward_block(features).sigmoid() * mask
        return self.decoder0.forward_block(first), self.decoder1.forward_block(second)


class Stem(nn.Module):
    """The first three stages of a ResNet9."""

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        layers: Sequence[int],
        strides: Sequence[int],
        pool: bool,
    ) -> None:
        super().__init__()
        first, second, third, _ = channels
        self.conv1 = nn.Sequential()
        self.conv1.add_module("conv", _conv3x3(in_channels, first))
        self.bn1 = nn.BatchNorm2d(first)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if pool else nn.Identity()
        self.layer1 = residual_stage(first, first, layers[0], strides[0])
        self.layer2 = residual_stage(first, second, layers[1], strides[1])
        self.layer3 = residual_stage(second, third, layers[2], strides[2])

    def forward(self, x: Tensor) -> Tensor:
        """``[m, c, h, w]`` to ``[m, c', h', w']``."""
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        maps: Tensor = self.layer3(self.layer2(self.layer1(x)))
        return maps


class LastStage(nn.Module):
    """The fourth stage of a ResNet9."""

    def __init__(self, in_channels: int, out_channels: int, depth: int, stride: int) -> None:
        super().__init__()
        self.layer4 = residual_stage(in_channels, out_channels, depth, stride)

    def forward(self, x: Tensor) -> Tensor:
        """``[m, c, h, w]`` to ``[m, c', h', w']``."""
        maps: Tensor = self.layer4(x)
        return maps


class AttentionFusion(nn.Module):
    """The weighted mean of two maps; the weight of each pixel and channel comes from both.

    Args:
        channels: of each map.
        squeeze: the layers between have as many channels less.
        wide: the middle one looks at 3x3 pixels, else at one.
    """

    def __init__(self, channels: int, squeeze: int = SQUEEZE, wide: bool = False) -> None:
        super().__init__()
        hidden = max(1, channels // squeeze)
        middle = _conv3x3 if wide else _conv1x1
        self.conv = FrameWise(
            nn.Sequential(
                *_norm_relu(_conv1x1(2 * channels, hidden), hidden),
                *_norm_relu(middle(hidden, hidden), hidden),
                _conv1x1(hidden, 2 * channels),
            )
        )

    def forward(self, one: Tensor, two: Tensor) -> Tensor:
        """Two ``[m, c, h, w]`` to one."""
        layers = cast(nn.Sequential, self.conv.forward_block)
        weight = cast(nn.Conv2d, layers[-1]).weight
        hidden = layers[:-1](torch.cat([one, two], 1))
        # Scores of the two maps lie side by side; the softmax of a pair is the sigmoid of the difference.
        share = F.conv2d(hidden, weight[0::2] - weight[1::2]).sigmoid()
        return two + share * (one - two)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and what leads past them."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(in_channels, out_channels, stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = _conv3x3(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            past = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(past, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """``[m, c, h, w]`` to ``[m, c', h / stride, w / stride]``."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def residual_stage(in_channels: int, out_channels: int, depth: int, stride: int) -> nn.Sequential:
    """So many blocks; the first has the stride."""
    blocks = [BasicBlock(in_channels, out_channels, stride)]
    blocks += [BasicBlock(out_channels, out_channels, 1) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


def _encoder(out_channels: int, wide: int, narrow: int) -> nn.Sequential:
    return nn.Sequential(
        _conv1x1(4, wide),
        nn.BatchNorm2d(wide),
        *_norm_relu(_conv3x3(wide, wide), wide),
        *_norm_relu(_conv3x3(wide, narrow), narrow),
        _conv1x1(narrow, out_channels),
        nn.BatchNorm2d(out_channels),
    )


def _decoder(channels: int) -> nn.Sequential:
    return nn.Sequential(*_norm_relu(_conv3x3(channels, channels), channels))


def _norm_relu(conv: nn.Module, channels: int) -> tuple[nn.Module, ...]:
    return conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)


def _conv1x1(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 1, bias=False)


def _conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
