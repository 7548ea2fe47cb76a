"""Residual blocks over frames and time of the encoder; state-dict keys are those of OpenGait's DeepGaitV2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.nn import FrameWise, packed_temporal_conv

Mode = Literal["2d", "p3d"]


class FrameBlock(nn.Module):
    """Two 3x3 convolutions on single frames.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: over height and width.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = _conv(in_channels, out_channels, stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = _conv(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module | None = None
        if stride > 1 or in_channels != out_channels:
            shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """``[m, in, h, w]`` to ``[m, out, h / stride, w / stride]``."""
        kept = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + kept, inplace=True)


class TimeConv(nn.Conv3d):
    """Convolution over three frames, which sees zeros beyond the ends of every packed sequence.

    Args:
        channels: of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, (3, 1, 1), padding=(1, 0, 0), bias=False)

    def forward(self, x: Tensor, lengths: list[int] | None) -> Tensor:  # type: ignore[override]
        """``[n, c, s, h, w]``, or packed with its ``lengths``, to the same."""
        return packed_temporal_conv(x, super().forward, lengths, 1, dim=2)


class TimedBlock(nn.Module):
    """A block on frames with a residual convolution over time in its middle (P3D: Qiu et al., ICCV 2017).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: over height and width.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = stem(in_channels, out_channels, stride)
        second = _conv(out_channels, out_channels)
        self.conv2 = FrameWise(nn.Sequential(second, nn.BatchNorm2d(out_channels)))
        self.shortcut3d = TimeConv(out_channels)
        self.sbn = nn.BatchNorm3d(out_channels)
        self.downsample: nn.Module | None = None
        if stride > 1 or in_channels != out_channels:
            shortcut = nn.Conv3d(in_channels, out_channels, 1, (1, stride, stride), bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(out_channels))

    def forward(self, x: Tensor, lengths: list[int] | None) -> Tensor:
        """``[n, in, s, h, w]`` to ``[n, out, s, h / stride, w / stride]``."""
        kept = x if self.downsample is None else self.downsample(x)
        y = self.conv1(x)
        y = F.relu(y + self.sbn(self.shortcut3d(y, lengths)), inplace=True)
        return F.relu(self.conv2(y) + kept, inplace=True)


class FrameStage(FrameWise):
    """Blocks on single frames, called as those over time are."""

    def forward(self, x: Tensor, lengths: list[int] | None) -> Tensor:  # type: ignore[override]
        """Lengths say nothing to single frames."""
        return super().forward(x)


class TimedStage(nn.Sequential):
    """Blocks over frames and time."""

    def forward(self, x: Tensor, lengths: list[int] | None) -> Tensor:  # type: ignore[override]
        """``[n, in, s, h, w]`` to ``[n, out, s, h / stride, w / stride]``."""
        for block in self:
            x = block(x, lengths)
        return x


def stages(
    mode: Mode, layers: Sequence[int], channels: Sequence[int], strides: Sequence[int]
) -> list[nn.Module]:
    """The four stages behind the stem; the first one always sees single frames.

    Args:
        mode: ``2d`` blocks see single frames, ``p3d`` blocks their neighbours too.
        layers: blocks of each stage.
        channels: width of each stage; the stem has that of the first one.
        strides: of each stage, over height and width.
    """
    made: list[nn.Module] = []
    for i, (depth, width, stride) in enumerate(zip(layers, channels, strides, strict=True)):
        timed = mode == "p3d" and i > 0
        block: type[nn.Module] = TimedBlock if timed else FrameBlock
        blocks = [
            block(channels[max(0, i - 1)], width, stride),
            *(block(width, width) for _ in range(depth - 1)),
        ]
        made.append(TimedStage(*blocks) if timed else FrameStage(nn.Sequential(*blocks)))
    return made


def stem(in_channels: int, out_channels: int, stride: int = 1) -> FrameWise:
    """3x3 convolution, batch norm and ReLU on single frames."""
    convolution = _conv(in_channels, out_channels, stride)
    return FrameWise(nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)))


def _conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
