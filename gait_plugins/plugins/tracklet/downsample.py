"""Wavelet downsampling: transform and 1x1 convolution folded into one strided convolution."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.errors import ConfigError
from gait_plugins.nn.blocks import in_bfloat16
from gait_plugins.plugins.tracklet.layers import Stride, Timeline, by_sequence, to_frames, to_rows
from gait_plugins.plugins.tracklet.norm import FrameNorm
from gait_plugins.plugins.tracklet.wavelet import analysis_filters, pad_axis

STRIDES: dict[Stride, int] = {(1, 2, 2): 2, (2, 1, 1): 1, (2, 2, 2): 3}
"""Strides over (frames, height, width) that a block may have, and the axes that they transform."""


class WaveletDownsampling(nn.Module):
    """Halve axes by a wavelet transform, mix all subbands by a 1x1 convolution, normalise, ReLU.

    Transform and 1x1 convolution are both linear, so they run as one strided convolution whose kernel
    is a fixed linear map of the 1x1 weights: exact, and the subbands are never stored. The weights
    themselves, and their keys, stay those of the 1x1 convolution over band-major subbands
    (TrackletGait, arXiv 2508.02143, section 3; Xu et al., Haar wavelet downsampling, 2023).

    Sizes come out as ``ceil(size / 2)`` for every wavelet, as max-pooling's on the block's identity
    path: an odd axis gets one zero after its end, and of the longer output of a longer filter the
    centre is kept. The layer is made for Haar; for a filter of ``taps`` taps the folded kernel costs
    ``(taps / 2)`` times as many multiplications for each halved axis.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: over (frames, height, width), one of ``STRIDES``.
        wavelet: any discrete PyWavelets wavelet.
    """

    kernel: Tensor

    def __init__(self, in_channels: int, out_channels: int, stride: Stride, wavelet: str = "haar") -> None:
        super().__init__()
        if stride not in STRIDES:
            raise ConfigError(
                f"unknown downsampling stride {list(stride)} over frames, height and width",
                hint=f"choose one of {[list(known) for known in STRIDES]}",
            )
        self.stride = stride
        axes = STRIDES[stride]
        conv = nn.Conv2d if axes == 2 else nn.Conv3d
        self.conv_bn_relu = nn.Sequential(
            conv(in_channels * 2**axes, out_channels, kernel_size=1),
            FrameNorm(out_channels),
            nn.ReLU(inplace=True),
        )
        bank = np.array(analysis_filters(wavelet))  # float64 [2, taps]
        self.taps: int = bank.shape[1]
        surplus = self.taps // 2 - 1
        self.before: int = self.taps - 2 - 2 * (surplus // 2)
        # In numpy: torch imports sympy for products of tensors without data, which `config check` makes.
        kernel = torch.tensor(_separable(bank, axes), dtype=torch.float32)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor, time: Timeline) -> Tensor:
        """Frames ``[n * s, c, h, w]`` to ``[n * s', c', h', w']``."""
        conv, norm, relu = self.conv_bn_relu
        assert isinstance(conv, nn.Conv2d | nn.Conv3d)
        weight = self._folded(conv.weight)
        if self.stride[0] == 1:
            mixed = self._over_space(x, weight, conv.bias)
        else:
            over_time = partial(self._over_time, weight=weight, bias=conv.bias)
            mixed = to_frames(by_sequence(to_rows(x, time.rows), time.lengths, over_time))
        out: Tensor = relu(norm(mixed))
        return out

    def _folded(self, weight: Tensor) -> Tensor:
        bands = weight.reshape(weight.shape[0], self.kernel.shape[0], -1)
        folded: Tensor = torch.tensordot(bands, self.kernel.to(weight.dtype), dims=([1], [0]))
        return folded

    def _over_space(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        for axis in (-1, -2):
            x = pad_axis(x, axis, self.before, self._after(x.shape[axis] % 2))
        if self.taps == 2 and torch.is_grad_enabled() and in_bfloat16(x):
            given = (x, weight) if bias is None else (x, weight, bias)
            halved: Tensor = _Halving.apply(  # type: ignore[no-untyped-call]
                *(each.to(torch.bfloat16) for each in given), *(None,) * (3 - len(given))
            )
            return halved
        return F.conv2d(x, weight, bias, stride=2)

    def _over_time(self, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        n, _, h, w, _ = rows.shape
        # One zero frame too many does no harm to an even length, and spares a look at the length.
        rows = pad_axis(rows, -4, self.before, self._after(1))
        if self.stride == (2, 1, 1):
            line = rows.flatten(2, 3).permute(0, 3, 1, 2)
            out = F.conv2d(line, weight.unsqueeze(-1), bias, stride=(2, 1))
            return out.permute(0, 2, 3, 1).reshape(n, -1, h, w, weight.shape[0])
        for axis, size in ((-2, w), (-3, h)):
            rows = pad_axis(rows, axis, self.before, self._after(size % 2))
        return F.conv3d(rows.permute(0, 4, 1, 2, 3), weight, bias, stride=2).permute(0, 2, 3, 4, 1)

    def _after(self, odd: int) -> int:
        return self.taps - 2 - self.before + odd


class _Halving(torch.autograd.Function):
    """A 2x2 convolution by steps of 2 whose gradients are matrix products of its patches.

    oneDNN's gradient for the weights of a strided bfloat16 convolution takes ten times as long with two
    threads as with one.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, stride=2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        (m, c, h, w), o = x.shape, len(weight)
        slopes = gradient.permute(0, 2, 3, 1).reshape(-1, o)
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            patches = slopes @ weight.permute(0, 2, 3, 1).flatten(1)
            pairs = patches.view(m, h // 2, w // 2, 2, 2 * c).transpose(2, 3)
            of_x = pairs.reshape(m, h, w, c).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            pairs = x.permute(0, 2, 3, 1).reshape(m, h // 2, 2, w // 2, 2 * c).transpose(2, 3)
            of_weight = slopes.t() @ pairs.reshape(len(slopes), 4 * c)
            of_weight = of_weight.view(o, 2, 2, c).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[2]:
            of_bias = slopes.sum(0)
        return of_x, of_weight, of_bias


def _separable(bank: np.ndarray, axes: int) -> np.ndarray:
    """Kernels ``[2**axes, taps, ...]`` of all subbands; the last axis is the fastest bit of the band."""
    kernel = bank
    for _ in range(axes - 1):
        outer = np.moveaxis(np.multiply.outer(kernel, bank), -2, 1)  # [bands, 2, taps, ..., taps]
        kernel = outer.reshape(-1, *kernel.shape[1:], bank.shape[1])
    return kernel
