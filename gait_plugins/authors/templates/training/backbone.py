"""A backbone: frames to maps."""

from __future__ import annotations

from torch import Tensor, nn


class ExampleBackbone(nn.Module):
    """Three convolutions with batch norms; the maps have a quarter of the frame's height and width.

    Args:
        channels: channels of the maps.
        in_channel: channels of a frame, 1 for silhouettes.
    """

    def __init__(self, channels: int = 32, in_channel: int = 1) -> None:
        super().__init__()
        self.in_channel = in_channel
        widths = [in_channel, channels // 2, channels, channels]
        blocks: list[nn.Module] = []
        for i, stride in enumerate((2, 2, 1)):
            convolution = nn.Conv2d(widths[i], widths[i + 1], 3, stride, 1, bias=False)
            blocks += [convolution, nn.BatchNorm2d(widths[i + 1]), nn.LeakyReLU()]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, frames: Tensor) -> Tensor:
        """Maps ``[m, channels, h / 4, w / 4]`` of frames ``[m, in_channel, h, w]``."""
        maps: Tensor = self.blocks(frames)
        return maps
