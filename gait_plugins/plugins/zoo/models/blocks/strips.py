"""Convolutions confined to horizontal strips."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.blocks.plain_conv import PlainConv2d


class FocalConv2d(PlainConv2d):
    """A convolution within each of ``2 ** halving`` strips (Fan et al., CVPR 2020, section 3.2)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, halving: int) -> None:
        super().__init__(in_channels, out_channels, kernel)
        self.halving = halving

    def forward(self, x: Tensor) -> Tensor:
        return convolve_strips(x, self.conv, self.halving)


def convolve_strips(x: Tensor, conv: Callable[[Tensor], Tensor], halving: int) -> Tensor:
    """Convolve horizontal strips, each as if it were an image of its own.

    Args:
        x: maps ``[m, c, h, w]`` or ``[n, c, s, h, w]``.
        conv: convolution that keeps height and width.
        halving: ``h // 2 ** halving`` rows make a strip; rows that are left over make a lower one.

    Returns:
        Maps of the same height and width.

    Raises:
        ConfigError: there are more strips than rows.
    """
    if halving == 0:
        return conv(x)
    height = x.shape[-2]
    rows = height >> halving
    if rows == 0:
        raise ConfigError(
            f"a feature map {height} rows high does not divide into {2**halving} strips",
            hint="use a smaller halving, or higher frames",
        )
    whole = height - height % rows
    # Strips go where the batch is: one call convolves them all. Axes from the front: tracers need them so.
    axis = x.ndim - 2
    strips = x[..., :whole, :].reshape(*x.shape[:-2], -1, rows, x.shape[-1]).movedim(axis, 1)
    out = conv(strips.flatten(0, 1))
    out = out.reshape(*strips.shape[:2], *out.shape[1:]).movedim(1, axis).flatten(-3, -2)
    return out if whole == height else torch.cat([out, conv(x[..., whole:, :])], -2)
