"""Convolutions of few channels, several columns at a time: vector units work on 16 numbers together."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.nn.blocks.map_conv import HALF, MapConv, doubled, parted


def channels_last(weight: Tensor) -> Tensor:
    """The weight of a convolution laid out so that maps are channels-last, of one channel too.

    Of one channel both layouts are the same memory, and only the strides tell which one is meant.
    """
    last = weight.movedim(1, -1)
    return last.reshape(-1).view(last.shape).movedim(-1, 1)


class TwoColumns(nn.Module):
    """A convolution whose output channels are those of two neighbouring columns, in channels-last memory.

    Exact: a kernel one column wider, with zeros, moves by two columns. Maps of an odd width are convolved as
    usual.

    Args:
        conv: what it replaces; see :func:`is_narrow`.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        (self.stride, _), (above, self.beside) = conv.stride, _padding(conv)
        self.padding = (above, self.beside)
        weight = conv.weight.detach()
        self.weight = nn.Parameter(channels_last(doubled(weight)), requires_grad=False)
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach().repeat(2), False)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, h, w]`` as the convolution takes it, to what it gives."""
        o, across = self.weight.shape[0] // 2, self.weight.shape[3] - 1
        columns = x.shape[3] + 2 * self.beside - across + 1
        if columns % 2:
            bias = None if self.bias is None else self.bias[:o]
            return F.conv2d(x, self.weight[:o, :, :, :across], bias, (self.stride, 1), self.padding)
        return parted(F.conv2d(x, self.weight, self.bias, (self.stride, 2), self.padding))


def is_narrow(part: nn.Module) -> bool:
    """Whether a module is a convolution that two columns at a time pay for."""
    return (
        (type(part) is nn.Conv2d or type(part) is MapConv)
        and part.out_channels <= HALF
        and part.stride[1] == 1
        and part.kernel_size[1] > 1
        and part.groups == 1
        and part.dilation == (1, 1)
        and part.padding_mode == "zeros"
        and not isinstance(part.padding, str)
    )


def _padding(conv: nn.Conv2d) -> tuple[int, int]:
    above, beside = map(int, conv.padding)
    return above, beside
