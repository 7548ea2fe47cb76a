"""Batch norm of narrow 16-bit maps: pixels side by side count as channels, so that vector units are full."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

FULL = 32
"""Channels from which the kernels of torch fill a vector of 16-bit numbers themselves."""
_WIDE = 64
"""Channels that pixels are joined to."""


def joins(x: Tensor) -> bool:
    """True for maps ``[m, c, h, w]`` that are normalised faster with pixels joined."""
    return (
        x.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and x.dim() == 4
        and 1 < x.shape[1] < FULL
        and x.is_contiguous(memory_format=torch.channels_last)
        and _pixels(x) > 1
        and not torch._C._are_functorch_transforms_active()  # torch.func knows torch's own norm alone
    )


def normalised(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise maps by the statistics of their batch.

    Args:
        x: bfloat16 ``[m, c, h, w]`` in channels-last memory, that :func:`joins` is true for.
        weight, bias: float32 ``[c]``.
        eps: added to the variance.

    Returns:
        Maps like ``x``, and mean and (biased) variance of each channel, float32 ``[c]``, without gradient.
    """
    found: tuple[Tensor, Tensor, Tensor] = _JoinedNorm.apply(x, weight, bias, eps)  # type: ignore[no-untyped-call]
    return found


class _JoinedNorm(torch.autograd.Function):
    """Torch's own kernels on joined pixels; what they find of each place in a group is put together here."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, ...]:
        c, k = x.shape[1], _pixels(x)
        joined = _joined(x, k)
        zeros, ones = weight.new_zeros(k * c), weight.new_ones(k * c)
        means, variances = torch.batch_norm_update_stats(joined, zeros, ones, 0.0)
        means, variances = means.view(k, c), variances.view(k, c)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        # Of its own memory: what is a view of something else, nobody could write into afterwards.
        out = torch.empty_like(x)
        _affine(joined, mean, variance, weight, bias, eps, k, _joined(out, k))
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradients are to be differentiated themselves
            return (*_plain_gradients(x, weight, gradient, ctx.eps), None)
        c, k = x.shape[1], _pixels(x)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_out, joined = _joined(gradient, k), _joined(x, k)
        places = [value.repeat(k) for value in (torch.ones_like(mean), mean, variance)]
        wanted = [False, True, True]
        _, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            of_out, joined, *places, None, None, False, ctx.eps, wanted
        )
        of_weight, of_bias = of_weight.view(k, c).sum(0), of_bias.view(k, c).sum(0)
        # What the statistics do not take away of the gradient, and then what they do: affine in x.
        scale = weight * torch.rsqrt(variance + ctx.eps)
        share = -scale / (x.numel() // c)
        zero = torch.zeros_like(mean)
        of_x = _affine(of_out, zero, torch.ones_like(mean), scale, zero, 0.0, k)
        of_x.add_(_affine(joined, mean, variance, share * of_weight, share * of_bias, ctx.eps, k))
        return _parted(of_x, x), of_weight, of_bias, None


def _plain_gradients(x: Tensor, weight: Tensor, gradient: Tensor, eps: float) -> tuple[Tensor, ...]:
    """Those for maps, weight and bias, as a graph."""
    axes, shape, count = (0, 2, 3), (1, -1, 1, 1), x.numel() // x.shape[1]
    values, given = x.to(weight.dtype), gradient.to(weight.dtype)
    scale = torch.rsqrt(values.var(axes, correction=0, keepdim=True) + eps)
    normed = (values - values.mean(axes, keepdim=True)) * scale
    of_weight, of_bias = (given * normed).sum(axes), given.sum(axes)
    through = (of_bias.view(shape) + normed * of_weight.view(shape)) / count
    return (weight.view(shape) * scale * (given - through)).to(x.dtype), of_weight, of_bias


def _pixels(x: Tensor) -> int:
    """How many pixels are joined: a power of two that divides their number."""
    total, k = x.numel() // x.shape[1], 1
    while 2 * k * x.shape[1] <= _WIDE and total % (2 * k) == 0:
        k *= 2
    return k


def _joined(x: Tensor, k: int) -> Tensor:
    """The same memory as ``[1, k * c, pixels / k, 1]``, channels last."""
    c = x.shape[1]
    return x.permute(0, 2, 3, 1).reshape(1, -1, 1, k * c).permute(0, 3, 1, 2)


def _parted(joined: Tensor, like: Tensor) -> Tensor:
    m, c, h, w = like.shape
    return joined.permute(0, 2, 3, 1).reshape(m, h, w, c).permute(0, 3, 1, 2)


def _affine(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    k: int,
    out: Tensor | None = None,
) -> Tensor:
    """Normalised by what is given, of the same memory layout."""
    mean, variance, weight, bias = (value.repeat(k) for value in (mean, variance, weight, bias))
    out = torch.empty_like(x) if out is None else out
    unused = mean.new_empty(0)
    torch.ops.aten.native_batch_norm.out(
        x, weight, bias, mean, variance, False, 0.0, eps, out=out, save_mean=unused, save_invstd=unused
    )
    return out
