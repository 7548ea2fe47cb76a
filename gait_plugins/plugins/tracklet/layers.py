"""Layers that keep activations channels-last, so that frames and time share one memory layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.errors import ConfigError
from gait_plugins.nn import packed_temporal_conv

Stride = tuple[int, int, int]
"""Over (frames, height, width)."""
UNSTRIDED: Stride = (1, 1, 1)


class Timeline(NamedTuple):
    """Which frames of ``[n * s, c, h, w]`` belong to which sequence."""

    rows: int
    """Rows ``n`` of equal length; 1 where sequences are packed one after the other."""
    lengths: list[int] | None = None
    """Frames of each packed sequence."""

    def after(self, stride: int) -> Timeline:
        """The same sequences with every ``stride``-th frame kept."""
        if self.lengths is None:
            return self
        return self._replace(lengths=[-(-length // stride) for length in self.lengths])


def to_rows(frames: Tensor, rows: int) -> Tensor:
    """``[n * s, c, h, w]`` as ``[n, s, h, w, c]``: a view of channels-last memory."""
    _, c, h, w = frames.shape
    return frames.permute(0, 2, 3, 1).reshape(rows, -1, h, w, c)


def to_frames(rows: Tensor) -> Tensor:
    """``[n, s, h, w, c]`` as ``[n * s, c, h, w]`` in channels-last memory."""
    return rows.flatten(0, 1).permute(0, 3, 1, 2)


def by_sequence(rows: Tensor, lengths: list[int] | None, work: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply ``work`` to each packed sequence of ``[n, s, h, w, c]`` apart and concatenate along time."""
    if lengths is None:
        return work(rows)
    return torch.cat([work(part) for part in torch.split(rows, lengths, 1)], 1)


class PointConv(nn.Conv3d):
    """1x1x1 convolution on frames ``[n * s, c, h, w]``; one matrix product in channels-last memory."""

    def __init__(self, in_channels: int, out_channels: int, bias: bool) -> None:
        super().__init__(in_channels, out_channels, kernel_size=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.permute(0, 2, 3, 1)
        if torch.is_inference_mode_enabled():  # a product of one channel is slow; the last digits differ
            laid = pixels.reshape(-1).view(pixels.shape).permute(0, 3, 1, 2)  # with strides that say so
            return F.conv2d(laid, self.weight.squeeze(-1), self.bias)
        return F.linear(pixels, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class TemporalConv(nn.Conv3d):
    """Grouped ``(k, 1, 1)`` convolution over the frames of each sequence, run as a 2-D convolution."""

    def __init__(self, channels: int, kernel: int, groups: int) -> None:
        if kernel < 1 or kernel % 2 == 0:
            raise ConfigError(f"temporal_kernel is {kernel}, expected an odd number", hint="7 as published")
        if groups < 1 or channels % groups:
            raise ConfigError(
                f"{channels} channels do not divide into {groups} groups",
                hint="temporal_groups must divide the width of every temporal stage",
            )
        super().__init__(
            channels, channels, (kernel, 1, 1), padding=(kernel // 2, 0, 0), groups=groups, bias=False
        )
        self.reach = kernel // 2

    def forward(self, x: Tensor, time: Timeline) -> Tensor:  # type: ignore[override]
        _, c, h, w = x.shape
        line = to_rows(x, time.rows).flatten(2, 3)  # [n, s, h * w, c]
        line = packed_temporal_conv(line, self._along_time, time.lengths, self.reach, dim=1)
        return line.reshape(-1, h, w, c).permute(0, 3, 1, 2)

    def _along_time(self, line: Tensor) -> Tensor:
        line, weight = line.permute(0, 3, 1, 2), self.weight.squeeze(-1)
        out = F.conv2d(line, weight, self.bias, padding=(self.reach, 0), groups=self.groups)
        return out.permute(0, 2, 3, 1)


class FramePool(nn.Module):
    """Max-pooling by 2 along the strided axes; an odd size keeps its last row, column or frame."""

    def __init__(self, stride: Stride) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor, time: Timeline) -> Tensor:
        over_time, *over_space = self.stride
        if tuple(over_space) != (1, 1):
            fast = torch.is_inference_mode_enabled() and over_space == [2, 2]
            x = _halve_space(x) if fast else F.max_pool2d(x, tuple(over_space), ceil_mode=True)
        if over_time == 1:
            return x
        return to_frames(by_sequence(to_rows(x, time.rows), time.lengths, _halve_time))


def _halve_space(x: Tensor) -> Tensor:
    """As ``F.max_pool2d`` by 2, which keeps in mind for gradients where the largest values were."""
    if x.shape[2] % 2 or x.shape[3] % 2:
        return F.max_pool2d(x, 2, ceil_mode=True)
    rows = x.permute(0, 2, 3, 1)
    pairs = torch.unflatten(torch.maximum(rows[:, 0::2], rows[:, 1::2]), 2, (-1, 2))
    return torch.maximum(pairs[:, :, :, 0], pairs[:, :, :, 1]).permute(0, 3, 1, 2)


def _halve_time(rows: Tensor) -> Tensor:
    n, _, h, w, c = rows.shape
    line = rows.flatten(2, 3).permute(0, 3, 1, 2)
    halved = F.max_pool2d(line, (2, 1), ceil_mode=True)
    return halved.permute(0, 2, 3, 1).reshape(n, -1, h, w, c)
