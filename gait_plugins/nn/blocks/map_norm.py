"""Batch norm of maps ``[m, c, h, w]`` that lets bfloat16 be fast on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gait_plugins.nn.narrow_norm import joins, normalised


class MapNorm(nn.BatchNorm2d):
    """``nn.BatchNorm2d``; of bfloat16 maps on a CPU the channels of a pixel lie together from here on.

    In that memory order oneDNN's bfloat16 convolutions are faster, with 8 channels and their gradients three
    times, and all that follow keep it. Convolutions of a single channel do not: their inputs are the same in
    both orders. Of narrow maps, neighbouring pixels are normalised together. In other formats and on other
    devices nothing is different from the base class.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[m, c, h, w]``, normalised."""
        x = pixels_together(x)
        if self.training and joins(x) and self.affine and self.weight.dtype == torch.float32:
            out, mean, variance = normalised(x, self.weight, self.bias, self.eps)
            self._remember(mean, variance, x.numel() // x.shape[1])
            return out
        return super().forward(x)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / int(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)


def pixels_together(x: Tensor) -> Tensor:
    """Bfloat16 maps ``[m, c, h, w]`` on a CPU in channels-last memory; everything else as it is."""
    if x.dtype == torch.bfloat16 and x.device.type == "cpu" and x.dim() == 4:
        return x.contiguous(memory_format=torch.channels_last)
    return x
