"""Batch norm over the batches of all ranks, on devices where torch has none (its own wants CUDA)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gait_plugins.nn.collectives import sum_over_ranks


class CpuSyncBatchNorm(_BatchNorm):
    """Normalises by mean and variance of the global batch; same parameters, buffers and keys."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Any ``[n, c, ...]`` is taken."""

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, ...]`` to the same shape."""
        if not self.training:
            # As in torch, a norm without running statistics takes those of the batch that it is given.
            own = self.running_mean is None
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, own, 0.0, self.eps
            )
        axes = [axis for axis in range(x.dim()) if axis != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        values = x if x.dtype == torch.float64 else x.float()
        count = sum_over_ranks(values.new_tensor([values.numel() / values.size(1)]))
        mean = sum_over_ranks(values.sum(axes)) / count
        centred = values - mean.view(shape)
        # Two passes: the difference of squares would lose what the tolerance needs.
        variance = sum_over_ranks(centred.square().sum(axes)) / count
        self._update(mean.detach(), variance.detach(), count)
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        normed = centred * scale.view(shape)
        return (normed if self.bias is None else normed + self.bias.view(shape)).to(x.dtype)

    @torch.no_grad()
    def _update(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        rate = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), rate)
        unbiased = variance * (count / (count - 1).clamp(min=1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), rate)


def synchronise_batch_norm(module: nn.Module, device: torch.device) -> nn.Module:
    """Replace every batch norm by one over all ranks; parameters and keys stay."""
    if device.type == "cuda":
        synchronised: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return synchronised
    if isinstance(module, _BatchNorm):
        synced = CpuSyncBatchNorm(
            module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats
        )
        synced._parameters, synced._buffers = module._parameters, module._buffers
        synced.training = module.training
        return synced
    for name, child in module.named_children():
        setattr(module, name, synchronise_batch_norm(child, device))
    return module


def freeze_batch_norm(module: nn.Module) -> None:
    """Put every batch norm into eval mode (``fix_BN``): statistics are used, not updated."""
    for child in module.modules():
        if isinstance(child, _BatchNorm):
            child.eval()
