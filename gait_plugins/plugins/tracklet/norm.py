"""Batch norm whose statistics stay exact in channels-last memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.nn.blocks import MapNorm


class FrameNorm(MapNorm):
    """``MapNorm`` with statistics to float precision on every device.

    PyTorch's channels-last kernel for CPUs adds up all pixels one by one in float32. Most pixels of
    silhouette features hold one and the same background value, whose rounding errors all have the same
    sign: from some 100,000 pixels on the variance is off by 1e-3 and more. Its output is an affine
    function of the input for each channel, so weight and bias make good for its statistics.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or x.device.type != "cpu" or x.dtype != torch.float32:
            return super().forward(x)
        with torch.no_grad():
            mean, variance = _statistics(x)
            rough_mean, rough_variance = torch.batch_norm_update_stats(x, None, None, 0.0)
            inverse = torch.rsqrt(variance + self.eps)
            scale = inverse * torch.sqrt(rough_variance + self.eps)
            shift = (rough_mean - mean) * inverse
        out = F.batch_norm(
            x, None, None, self.weight * scale, self.bias + self.weight * shift, training=True, eps=self.eps
        )
        self._remember(mean, variance, x.numel() // x.shape[1])
        return out


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    # PyTorch's sums are pairwise, so their rounding errors do not pile up.
    pixels = x.permute(0, 2, 3, 1).flatten(0, 2)
    mean = pixels.sum(0) / len(pixels)
    return mean, (pixels - mean).square_().sum(0) / len(pixels)
