"""Batch norm, ReLU and the maximum over neighbours in one step, for training."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def highest_of_neighbours(norm: nn.Module, rows: Tensor, k: int) -> Tensor:
    """The maximum over each ``k`` rows after the norm and ReLU.

    Args:
        norm: a ``BatchNorm2d``, or what takes its place.
        rows: ``[m, c]``, the k neighbours of a point one after the other.
        k: neighbours.

    Returns:
        ``[m / k, c]``.
    """
    if type(norm) is not nn.BatchNorm2d or not _is_trained(norm, rows):
        return F.relu(normed(norm, rows).view(-1, k, rows.shape[1]).amax(1))
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    found: Tensor = _NormedMax.apply(rows, norm.weight, norm.bias, norm, k)  # type: ignore[no-untyped-call]
    return found


def _is_trained(norm: nn.BatchNorm2d, rows: Tensor) -> bool:
    """Whether it takes its figures from rows of full precision, as it does as a rule."""
    return norm.training and norm.affine and norm.momentum is not None and rows.dtype == torch.float32


def normed(norm: nn.Module, rows: Tensor) -> Tensor:
    """Rows ``[m, c]`` through a norm of maps ``[n, c, h, w]``: each row is a map of one pixel."""
    maps: Tensor = norm(rows[..., None, None])
    return maps.flatten(1)


class _NormedMax(torch.autograd.Function):
    """A norm rises or falls with its input: the highest row after it is the highest or the lowest before.

    So the norm, weight, bias and ReLU see one row of each group, and the gradient of the others is a line in
    the rows.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d, k: int) -> Tensor:
        figures, momentum = (norm.running_mean, norm.running_var), float(norm.momentum or 0.0)
        mean, variance = torch.batch_norm_update_stats(rows[..., None, None], *figures, momentum)
        inverse = torch.rsqrt(variance + norm.eps)
        groups = rows.view(-1, k, rows.shape[1])
        value, place = _first_of(groups, groups.amax(1))
        falling = weight < 0
        if bool(falling.any()):
            lowest, lowest_place = _first_of(groups, groups.amin(1))
            value, place = torch.where(falling, lowest, value), torch.where(falling, lowest_place, place)
        value = (value - mean) * inverse
        highest = torch.addcmul(bias, value, weight).relu_()
        ctx.save_for_backward(rows, mean, inverse, weight * inverse, value, place, highest > 0)
        return highest

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        rows, mean, inverse, scale, value, place, lit = ctx.saved_tensors
        given = grads[0] * lit
        to_bias, to_weight = given.sum(0), (given * value).sum(0)
        slope = -scale * to_weight * inverse / len(rows)
        to_rows = torch.addcmul(-scale * to_bias / len(rows) - slope * mean, rows, slope)
        groups = to_rows.view(len(place), -1, rows.shape[1])
        groups.scatter_add_(1, place[:, None], (given * scale)[:, None])
        return to_rows, to_weight, to_bias, None, None


def _first_of(groups: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Values ``[m, c]`` and the place of the first row of each group ``[m, k, c]`` that has them.

    ``max`` over an axis tells both, and takes several times as long on a CPU.
    """
    k = groups.shape[1]
    kind = torch.uint8 if k < 256 else torch.int32
    order = torch.arange(k, 0, -1, dtype=kind, device=groups.device)
    from_end = ((groups == value[:, None]).to(kind) * order[:, None]).amax(1)
    return value, (k - from_end.long()).clamp_(max=k - 1)  # NaN is nowhere
