"""Residual blocks over frames and time, and stages of them; keys are those of OpenGait's DeepGaitV2."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.nn.blocks.map_norm import MapNorm
from gait_plugins.nn.blocks.residual import BasicBlock, conv3x3
from gait_plugins.nn.packed_batches import FrameWise, packed_temporal_conv

Mode = Literal["2d", "3d", "p3d"]


class TimedConv(nn.Conv3d):
    """A stride-1-in-time 3-D convolution that reads zeros beyond the ends of every packed sequence."""

    def forward(self, x: Tensor, lengths: list[int] | None) -> Tensor:  # type: ignore[override]
        """``[n, c, s, h, w]``, packed ``[1, c, sum(s), h, w]`` with ``lengths``."""
        return packed_temporal_conv(x, super().forward, lengths, self.kernel_size[0] // 2, dim=2)


class BlockP3D(nn.Module):
    """Two 3x3 convolutions on frames with a residual (3, 1, 1) convolution over time in between.

    Pseudo-3D residual block (Qiu et al., ICCV 2017; DeepGaitV2, arXiv 2303.03301, section 4).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: over height and width.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = stem(in_channels, out_channels, stride)
        self.conv2 = FrameWise(nn.Sequential(conv3x3(out_channels, out_channels), MapNorm(out_channels)))
        self.shortcut3d = TimedConv(out_channels, out_channels, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.sbn = nn.BatchNorm3d(out_channels)
        self.downsample = _projection(in_channels, out_channels, stride)

    def forward(self, x: Tensor, lengths: list[int] | None) -> Tensor:
        """``[n, in, s, h, w]`` to ``[n, out, s, h / stride, w / stride]``."""
        y = self.conv1(x)
        y = F.relu(y + self.sbn(self.shortcut3d(y, lengths)), inplace=True)
        y = self.conv2(y) + (x if self.downsample is None else self.downsample(x))
        return F.relu(y, inplace=True)


class Block3D(nn.Module):
    """Two 3x3x3 convolutions.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: over height and width; time keeps its length.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = TimedConv(in_channels, out_channels, 3, (1, stride, stride), padding=1, bias=False)
        self.bn1 = nn.BatchNorm3d(out_channels)
        self.conv2 = TimedConv(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(out_channels)
        self.downsample = _projection(in_channels, out_channels, stride)

    def forward(self, x: Tensor, lengths: list[int] | None) -> Tensor:
        """``[n, in, s, h, w]`` to ``[n, out, s, h / stride, w / stride]``."""
        y = F.relu(self.bn1(self.conv1(x, lengths)), inplace=True)
        y = self.bn2(self.conv2(y, lengths))
        y = y + (x if self.downsample is None else self.downsample(x))
        return F.relu(y, inplace=True)


class TimedStage(nn.Sequential):
    """Blocks over frames and time, one after the other."""

    def forward(self, x: Tensor, lengths: list[int] | None) -> Tensor:  # type: ignore[override]
        for block in self:
            x = block(x, lengths)
        return x


class FrameStage(FrameWise):
    """Blocks on single frames, called like those over time."""

    def forward(self, x: Tensor, lengths: list[int] | None) -> Tensor:  # type: ignore[override]
        return super().forward(x)


Stage = TimedStage | FrameStage
BLOCKS: dict[Mode, type[nn.Module]] = {"2d": BasicBlock, "3d": Block3D, "p3d": BlockP3D}


def stage(mode: Mode, in_channels: int, out_channels: int, stride: int, depth: int) -> Stage:
    """``depth`` blocks, the first of which strides.

    Args:
        mode: 2d blocks see single frames, 3d and p3d blocks their neighbours too.
        in_channels: channels of the input.
        out_channels: channels of every block.
        stride: over height and width.
        depth: blocks, at least 1.
    """
    block: type[nn.Module] = BLOCKS[mode]
    blocks = [block(in_channels, out_channels, stride)]
    blocks += [block(out_channels, out_channels) for _ in range(depth - 1)]
    return FrameStage(nn.Sequential(*blocks)) if mode == "2d" else TimedStage(*blocks)


def stem(in_channels: int, out_channels: int, stride: int = 1) -> FrameWise:
    """3x3 convolution, batch norm and ReLU on single frames."""
    convolution = conv3x3(in_channels, out_channels, stride)
    return FrameWise(nn.Sequential(convolution, MapNorm(out_channels), nn.ReLU(inplace=True)))


def _projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and in_channels == out_channels:
        return None
    conv = nn.Conv3d(in_channels, out_channels, 1, (1, stride, stride), bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(out_channels))
