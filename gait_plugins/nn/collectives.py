"""Collectives that gradients flow through, over the current process group."""

from __future__ import annotations

import time
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

_SETTLING = 0.05
"""Seconds that gloo's threads are given to free their last work."""


def end_process_group() -> None:
    """End the current process group, if there is one.

    Its threads free the tensors of a work some moments after it is done, for which they need the lock of the
    interpreter. Whatever frees the group holds that lock and waits for them: for ever, if the two meet. An
    error frees it at once, by the wrapped model in its traceback.
    """
    if dist.is_available() and dist.is_initialized():
        time.sleep(_SETTLING)  # without the lock
        dist.destroy_process_group()


def world_size() -> int:
    """Processes of the group; 1 where there is none."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].contiguous().clone()
        dist.all_reduce(gradient)
        return gradient


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.rows = len(x)
        x = x.contiguous()
        parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, x)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].contiguous().clone()
        dist.all_reduce(gradient)
        start = dist.get_rank() * ctx.rows
        return gradient[start : start + ctx.rows]


def sum_over_ranks(x: Tensor) -> Tensor:
    """The sum over all ranks, on each of them."""
    return _apply(_SumOverRanks, x) if world_size() > 1 else x


def on_any_rank(*flags: bool) -> list[bool]:
    """For each flag whether it is set on any rank, the same answer on each of them.

    What one rank alone acted on would leave the others waiting for it for ever.
    """
    if world_size() == 1:
        return list(flags)
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    raised = torch.tensor(flags, dtype=torch.int32, device=device)
    dist.all_reduce(raised)
    return [bool(flag) for flag in raised.tolist()]


def gather_rows(x: Tensor) -> Tensor:
    """``[n, ...]`` of every rank as ``[ranks * n, ...]``, rank after rank.

    A loss of the gathered rows that every rank computes gets, after data-parallel averaging, just the
    gradient that one process with the whole batch would compute.
    """
    return _apply(_GatherRows, x) if world_size() > 1 else x


def mean_over_ranks(x: Tensor) -> Tensor:
    """The mean over all ranks, without gradient."""
    return sum_over_ranks(x.detach()) / world_size()


def _apply(function: type[torch.autograd.Function], x: Tensor) -> Tensor:
    result: Tensor = function.apply(x)  # type: ignore[no-untyped-call]
    return result
