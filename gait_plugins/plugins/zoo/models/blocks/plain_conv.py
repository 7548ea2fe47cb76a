"""Convolutions of frames as the first silhouette networks have them: no bias, no norm, leaky ReLUs."""

from __future__ import annotations

from torch import Tensor, nn

from gait_plugins.nn.blocks import MapConv, pixels_together


class PlainConv2d(nn.Module):
    """A bias-free convolution of frames, one level down in the state dict."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = MapConv(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[m, in_channels, h, w]`` to ``[m, out_channels, h, w]``."""
        return pixels_together(self.conv(x))


def conv_block(in_channels: int, out_channels: int, kernel: int = 3, halves: bool = False) -> nn.Sequential:
    """Two convolutions, the second one 3x3, each followed by a leaky ReLU; then max-pooling if it halves."""
    layers: list[nn.Module] = [
        PlainConv2d(in_channels, out_channels, kernel),
        nn.LeakyReLU(inplace=True),
        PlainConv2d(out_channels, out_channels, 3),
        nn.LeakyReLU(inplace=True),
    ]
    return nn.Sequential(*layers, nn.MaxPool2d(2)) if halves else nn.Sequential(*layers)
