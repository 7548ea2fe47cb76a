"""GaitPart's micro-motion capture: attention over short windows of frames, separately for each part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TemporalFeatureAggregator(nn.Module):
    """The strongest short motion of each part (Fan et al., CVPR 2020, section 3.3).

    Windows of 3 and of 5 frames are described by their mean plus their maximum; each is weighted by
    attention, the two are added, and the maximum over time is kept. Beyond its ends a sequence is zero
    to convolutions and means, and not there to maxima: a single frame is a sequence.

    Args:
        channels: of each part.
        parts: number of parts; weights are not shared between them.
        squeeze: the attention's hidden layer is narrower by this factor.
    """

    def __init__(self, channels: int, parts: int, squeeze: int = 4) -> None:
        super().__init__()
        hidden = max(channels // squeeze, 1)
        self.conv1d3x1 = nn.ModuleList(_attention(channels, hidden, 1) for _ in range(parts))
        self.conv1d3x3 = nn.ModuleList(_attention(channels, hidden, 3) for _ in range(parts))

    def forward(self, x: Tensor) -> Tensor:
        """Strips of equally long sequences ``[n, c, s, p]`` to parts ``[n, c, p]``."""
        n, c, _, p = x.shape
        line = x.permute(0, 3, 1, 2).flatten(1, 2)  # [n, p * c, s]
        motion = _scores(line, self.conv1d3x1) * _template(line, 3)
        motion = motion + _scores(line, self.conv1d3x3) * _template(line, 5)
        return motion.amax(-1).reshape(n, p, c).transpose(1, 2).contiguous()


class _LineConv(nn.Module):
    """A bias-free convolution over time, one level down in the state dict."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)


def _attention(channels: int, hidden: int, last_kernel: int) -> nn.Sequential:
    return nn.Sequential(
        _LineConv(channels, hidden, 3), nn.LeakyReLU(), _LineConv(hidden, channels, last_kernel)
    )


def _scores(line: Tensor, attentions: Iterable[nn.Module]) -> Tensor:
    """Attention of all parts at once: the layers of the parts are groups of one convolution."""
    first, last = (
        [cast(_LineConv, cast(nn.Sequential, attention)[layer]).conv.weight for attention in attentions]
        for layer in (0, 2)
    )
    hidden = F.leaky_relu(_grouped(line, first))
    return torch.sigmoid(_grouped(hidden, last))


def _grouped(line: Tensor, weights: list[Tensor]) -> Tensor:
    return F.conv1d(line, torch.cat(weights), padding=weights[0].shape[-1] // 2, groups=len(weights))


def _template(line: Tensor, window: int) -> Tensor:
    reach = window // 2
    mean = F.avg_pool1d(line, window, stride=1, padding=reach)
    return mean + F.max_pool1d(line, window, stride=1, padding=reach)
