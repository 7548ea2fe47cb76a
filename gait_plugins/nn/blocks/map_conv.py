"""Convolutions of maps ``[m, c, h, w]`` that are trained fast in bfloat16 on a CPU, with few channels too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW = 3
"""Input channels up to which a convolution is trained as a matrix product of its shifted input."""
HALF = 8
"""Output channels up to which two columns are computed as one: vector units work on 16 numbers together."""
_BLOCK = 16
"""Output channels up to which threads of oneDNN do not wait for each other in a strided gradient."""
_HELD = 1 << 22
"""Numbers of the patches that are made at once."""
_Pair = tuple[int, int]


class MapConv(nn.Conv2d):
    """``nn.Conv2d``; trained in bfloat16 on a CPU, three cases are computed in other ways that are faster.

    A convolution of one to three channels, as a network begins with, is a product of its shifted input. Up to
    eight output channels are those of two neighbouring columns. Strided ones have the gradient of their
    weights by products of patches. In the first and the last case, threads of oneDNN wait for each other at
    every map: with two threads its gradient takes ten times as long as with one, and more where other work
    runs too. In other formats, on other devices and without gradients nothing differs from the base class.
    """

    def forward(self, x: Tensor) -> Tensor:
        """``[m, in_channels, h, w]`` to ``[m, out_channels, h', w']``."""
        if not (torch.is_grad_enabled() and in_bfloat16(x) and self._is_usual()):
            return super().forward(x)
        stride, padding = cast(_Pair, self.stride), cast(_Pair, self.padding)
        if stride == (1, 1) and self.in_channels <= FEW:
            return _of_shifted(x.to(torch.bfloat16), self.weight, padding)
        work: type[torch.autograd.Function]
        if stride == (1, 1) and self.out_channels <= HALF:
            work = _TwoColumns
        elif max(stride) > 1 and self.out_channels > _BLOCK and torch.get_num_threads() > 1:
            work = _Strided
        else:
            return super().forward(x)
        out: Tensor = work.apply(  # type: ignore[no-untyped-call]
            x.to(torch.bfloat16), self.weight.to(torch.bfloat16), stride, padding
        )
        return out

    def _is_usual(self) -> bool:
        return (
            self.bias is None
            and self.groups == 1
            and self.dilation == (1, 1)
            and self.padding_mode == "zeros"
            and not isinstance(self.padding, str)
            and min(self.kernel_size) > 1
            and all(p < k for p, k in zip(self.padding, self.kernel_size, strict=True))
        )


def doubled(weight: Tensor) -> Tensor:
    """Weights ``[2 * o, c, down, across + 1]`` that give two neighbouring columns, for a step of two columns.

    Args:
        weight: ``[o, c, down, across]``.
    """
    o, c, down, across = weight.shape
    wide = weight.new_zeros(2 * o, c, down, across + 1)
    wide[:o, ..., :across] = weight
    wide[o:, ..., 1:] = weight
    return wide


def parted(pairs: Tensor) -> Tensor:
    """What convolutions with doubled weights give, ``[m, 2 * o, h, w]``, as ``[m, o, h, 2 * w]``."""
    m, o, h, w = pairs.shape
    return pairs.permute(0, 2, 3, 1).reshape(m, h, 2 * w, o // 2).permute(0, 3, 1, 2)


def in_bfloat16(x: Tensor) -> bool:
    """Whether convolutions of maps ``[m, c, h, w]`` compute in bfloat16 on a CPU, outside of torch.func."""
    if x.device.type != "cpu" or x.dim() != 4 or torch._C._are_functorch_transforms_active():
        return False  # torch.func knows torch's own functions alone
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu") == torch.bfloat16 and x.is_floating_point()
    return x.dtype == torch.bfloat16


def _of_shifted(x: Tensor, weight: Tensor, padding: _Pair) -> Tensor:
    """A convolution as a product of ``[down * across * c, pixels]``: each row is a channel, shifted."""
    o, _, down, across = weight.shape
    above, beside = padding
    planes = F.pad(x.transpose(0, 1), (beside, beside, above, above))
    h, w = planes.shape[2] - down + 1, planes.shape[3] - across + 1
    shifted = [planes[..., i : i + h, j : j + w] for i in range(down) for j in range(across)]
    rows = torch.stack(shifted).flatten(2).flatten(0, 1)
    # Of its own memory: the gradient of the weights is a product of rows then, not of their transpose.
    pixels = rows.t() @ weight.to(x.dtype).permute(2, 3, 1, 0).reshape(len(rows), o)
    return pixels.view(len(x), h, w, o).permute(0, 3, 1, 2)


class _TwoColumns(torch.autograd.Function):
    """A convolution of few output channels; the gradient of few input channels is one as well."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: _Pair, padding: _Pair) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(x, weight)
        ctx.given = stride, padding
        # A tensor of its own and no view: an activation may work in its place.
        return _two_columns(x, weight, padding).data

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradients are to be differentiated themselves
            return (*_torchs(gradient, x, weight, ctx.given, ctx.needs_input_grad), None, None)
        (above, beside), (o, _, down, across) = ctx.given[1], weight.shape
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            mirrored = weight.transpose(0, 1).flip(2, 3)
            of_x = _two_columns(gradient, mirrored, (down - 1 - above, across - 1 - beside))
        if ctx.needs_input_grad[1]:
            if gradient.shape[3] % 2:
                _, of_weight = _torchs(gradient, x, weight, ctx.given, (False, True))
            else:
                m, _, h, w = gradient.shape
                pairs = gradient.permute(0, 2, 3, 1).reshape(m, h, w // 2, 2 * o).permute(0, 3, 1, 2)
                _, wide = _torchs(pairs, x, doubled(weight), ((1, 2), ctx.given[1]), (False, True))
                assert wide is not None
                of_weight = wide[:o, ..., :across] + wide[o:, ..., 1:]
        return of_x, of_weight, None, None


def _two_columns(x: Tensor, weight: Tensor, padding: _Pair) -> Tensor:
    columns = x.shape[3] + 2 * padding[1] - weight.shape[3] + 1
    if len(weight) > HALF or columns % 2:
        return F.conv2d(x, weight, None, 1, padding)
    return parted(F.conv2d(x, doubled(weight), None, (1, 2), padding))


class _Strided(torch.autograd.Function):
    """A strided convolution; the gradient of its weights is a sum of products of patches."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: _Pair, padding: _Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.given = stride, padding
        return F.conv2d(x, weight, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, *_ = ctx.needs_input_grad
        if torch.is_grad_enabled() or not of_weight:  # the gradients are to be differentiated themselves
            return (*_torchs(gradient, x, weight, ctx.given, (of_x, of_weight)), None, None)
        slope, _ = _torchs(gradient, x, weight, ctx.given, (of_x, False))
        return slope, _by_patches(gradient, x, weight, *ctx.given), None, None


def _by_patches(gradient: Tensor, x: Tensor, weight: Tensor, stride: _Pair, padding: _Pair) -> Tensor:
    """Gradient of the weights, a few maps at a time, summed in float32."""
    o, c, down, across = weight.shape
    (_, _, h, w), (above, beside) = gradient.shape, padding
    total = torch.zeros(o, down * across * c, dtype=torch.float32)
    few = max(1, _HELD // (h * w * down * across * c))
    for maps, slopes in zip(torch.split(x, few), torch.split(gradient, few), strict=True):
        pixels = F.pad(maps.permute(0, 2, 3, 1), (0, 0, beside, beside, above, above))
        m, row, column, channel = pixels.stride()
        steps = (m, row * stride[0], column * stride[1], row, column, channel)
        patches = pixels.as_strided((len(maps), h, w, down, across, c), steps)
        slopes = slopes.permute(0, 2, 3, 1).reshape(-1, o)
        total += slopes.t() @ patches.reshape(len(slopes), -1)
    return total.view(o, down, across, c).permute(0, 3, 1, 2).to(weight.dtype)


def _torchs(
    gradient: Tensor, x: Tensor, weight: Tensor, steps: tuple[_Pair, _Pair], wanted: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Torch's own gradients of input and weights, those that are wanted; ``steps`` are stride and padding."""
    of_x, of_weight, *_ = wanted
    if not (of_x or of_weight):
        return None, None
    how = (None, *steps, (1, 1), False, (0, 0), 1, (of_x, of_weight, False))
    slopes = torch.ops.aten.convolution_backward(gradient, x, weight, *how)
    return (slopes[0] if of_x else None), (slopes[1] if of_weight else None)
