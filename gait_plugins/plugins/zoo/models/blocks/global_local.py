"""GaitGL's blocks: 3-D convolutions of whole frames beside those of strips, and generalised-mean strips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.blocks.strips import convolve_strips


class PlainConv3d(nn.Module):
    """A bias-free convolution over frames, rows and columns, one level down in the state dict."""

    def __init__(self, in_channels: int, out_channels: int, **options: Any) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(in_channels, out_channels, bias=False, **options)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, s, h, w]`` to ``[n, c', s', h', w']``."""
        out: Tensor = self.conv3d(x)
        return out


class GLConv(nn.Module):
    """Two 3x3x3 convolutions, one of them within strips (Lin et al., ICCV 2021, section 3.3).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        halving: ``2 ** halving`` horizontal strips.
        fm_sign: put the strips' map below the frames' map, else add them.
    """

    def __init__(self, in_channels: int, out_channels: int, halving: int, fm_sign: bool = False) -> None:
        super().__init__()
        self.halving = halving
        self.fm_sign = fm_sign
        self.global_conv3d = PlainConv3d(in_channels, out_channels, kernel_size=3, padding=1)
        self.local_conv3d = PlainConv3d(in_channels, out_channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, s, h, w]`` to ``[n, c', s, h, w]``, or ``[n, c', s, 2 * h, w]``."""
        whole = self.global_conv3d(x)
        local = convolve_strips(x, self.local_conv3d, self.halving)
        if self.fm_sign:
            return F.leaky_relu(torch.cat([whole, local], 3))
        return F.leaky_relu(whole) + F.leaky_relu(local)


class GeMHPP(nn.Module):
    """Horizontal strips pooled by a generalised mean (Lin et al., ICCV 2021, section 3.4).

    Args:
        bin_num: strips of each pyramid level; levels are concatenated.
        p: initial exponent, learnt: 1 is the mean, infinity the maximum.
        eps: smaller values count as this.
    """

    def __init__(self, bin_num: Sequence[int] = (64,), p: float = 6.5, eps: float = 1e-6) -> None:
        super().__init__()
        self.bin_num = tuple(bin_num)
        self.p = nn.Parameter(torch.full((1,), p))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, h, w]`` to ``[n, c, p]``, p the number of all strips.

        Raises:
            ConfigError: the map does not divide into the strips.
        """
        n, c, h, w = x.shape
        levels = []
        for strips in self.bin_num:
            if (h * w) % strips:
                raise ConfigError(f"a feature map of {h}x{w} does not divide into {strips} strips")
            levels.append(self._mean(x.reshape(n, c, strips, -1)))
        return torch.cat(levels, -1).to(x.dtype)

    def _mean(self, strip: Tensor) -> Tensor:
        strip = strip.to(torch.promote_types(strip.dtype, torch.float32)).clamp(min=self.eps)
        # Powers of the ratio to the maximum, since those of eps itself are no normal float32 numbers.
        most = strip.detach().amax(-1, keepdim=True)
        ratio = (strip / most).pow(self.p).mean(-1)
        return most.squeeze(-1) * ratio.pow(1 / self.p)
