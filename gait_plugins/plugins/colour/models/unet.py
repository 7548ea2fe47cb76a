"""U-Net of GaitEdge: from a picture to the logits of the person's mask (Liang et al., ECCV 2022)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Self

from gait_plugins.api import Backbone

WIDTHS = (16, 32, 64, 128)


class UNet(Backbone):
    """Four double convolutions down and three up, at pictures of any size; keys are OpenGait's.

    OpenGait freezes the encoder unless it is told otherwise. In the training of the segmentation itself, that
    is an encoder of random weights; here it is trained. A frozen encoder is kept whole: its batch norms stay
    in eval mode, which OpenGait's do not.

    Args:
        in_channels: channels of a picture.
        freeze_half: train the decoder alone, for an encoder that comes from an earlier training. None:
            no, or yes where ``published``.
        published: parity with OpenGait: the encoder is frozen where ``freeze_half`` is not given, and the
            batch norms of a frozen encoder go on updating their statistics.
    """

    def __init__(
        self, in_channels: int = 3, freeze_half: bool | None = None, published: bool = False
    ) -> None:
        super().__init__()
        first, second, third, fourth = WIDTHS
        self.in_channels = in_channels
        self.Conv1 = ConvBlock(in_channels, first)
        self.Conv2 = ConvBlock(first, second)
        self.Conv3 = ConvBlock(second, third)
        self.Conv4 = ConvBlock(third, fourth)
        self.Up4 = UpConv(fourth, third)
        self.Up_conv4 = ConvBlock(fourth, third)
        self.Up3 = UpConv(third, second)
        self.Up_conv3 = ConvBlock(third, second)
        self.Up2 = UpConv(second, first)
        self.Up_conv2 = ConvBlock(second, first)
        self.Conv_1x1 = nn.Conv2d(first, 1, 1)
        self.published = published
        self.frozen = published if freeze_half is None else freeze_half
        if self.frozen:
            for block in self._encoder():
                block.requires_grad_(False)
        self.train(self.training)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures ``[m, c, h, w]`` to logits ``[m, 1, h, w]``."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            x1 = self.Conv1(x)
            x2 = self.Conv2(F.max_pool2d(x1, 2, ceil_mode=True))
            x3 = self.Conv3(F.max_pool2d(x2, 2, ceil_mode=True))
            x4 = self.Conv4(F.max_pool2d(x3, 2, ceil_mode=True))
        up = self.Up_conv4(torch.cat([x3, self.Up4(x4, x3)], 1))
        up = self.Up_conv3(torch.cat([x2, self.Up3(up, x2)], 1))
        up = self.Up_conv2(torch.cat([x1, self.Up2(up, x1)], 1))
        logits: Tensor = self.Conv_1x1(up)
        return logits

    def train(self, mode: bool = True) -> Self:
        """Switch all but a frozen encoder, which stays in eval mode."""
        super().train(mode)
        if self.frozen and not self.published:
            for block in self._encoder():
                block.eval()
        return self

    def _encoder(self) -> tuple[nn.Module, ...]:
        return self.Conv1, self.Conv2, self.Conv3, self.Conv4


class ConvBlock(nn.Module):
    """Two 3x3 convolutions, each with batch norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(*_conv(in_channels, out_channels), *_conv(out_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """``[m, c, h, w]`` to ``[m, c', h, w]``."""
        maps: Tensor = self.conv(x)
        return maps


class UpConv(nn.Module):
    """Nearest pixels of another map's size, then a convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        # The first place is that of the upsampling, which has no weights.
        self.up = nn.Sequential(nn.Identity(), *_conv(in_channels, out_channels))

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """``[m, c, h, w]`` to ``[m, c', h', w']``, the size of ``like``."""
        maps: Tensor = self.up(F.interpolate(x, like.shape[-2:], mode="nearest"))
        return maps


def _conv(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
