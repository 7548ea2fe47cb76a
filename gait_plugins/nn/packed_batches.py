"""Packed batches: sequences of unequal length concatenated along time, without leaking into each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def split_lengths(seq_lens: Tensor | None) -> list[int] | None:
    """``seq_lens`` ``[1, n]`` as a list of frame counts; None stays None (equal lengths)."""
    return None if seq_lens is None else [int(length) for length in seq_lens.flatten().tolist()]


def frames_of(sequences: Tensor) -> Tensor:
    """Input silhouettes ``[n, s, h, w]`` or ``[n, s, c, h, w]`` as ``[n, c, s, h, w]``."""
    return sequences.unsqueeze(1) if sequences.dim() == 4 else sequences.transpose(1, 2)


class FrameWise(nn.Module):
    """A network for single frames applied to every frame of every sequence.

    Args:
        forward_block: network from ``[m, c, h, w]`` to ``[m, c', h', w']``.
    """

    def __init__(self, forward_block: nn.Module) -> None:
        super().__init__()
        self.forward_block = forward_block

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, s, h, w]`` to ``[n, c', s, h', w']``."""
        n, _, s = x.shape[:3]
        maps: Tensor = self.forward_block(x.transpose(1, 2).flatten(0, 1))
        return maps.reshape(n, s, *maps.shape[1:]).transpose(1, 2)


def each_sequence(
    x: Tensor, lengths: list[int] | None, work: Callable[[Tensor], Tensor], dim: int = 2
) -> Tensor:
    """Reduce each sequence by ``work`` as if it were alone.

    Args:
        x: features with time along ``dim``: ``[n, c, s, ...]``, or packed ``[1, c, sum(s), ...]``.
        lengths: frames of each packed sequence; None where each row of ``x`` is one sequence.
        work: from sequences ``[m, c, s, ...]`` of one length to ``[m, ...]``.
        dim: the time axis.

    Returns:
        ``[n, ...]``, a row for each sequence.
    """
    if lengths is None:
        return work(x)
    return torch.cat([work(part) for part in torch.split(x, lengths, dim)])


class SequenceWise(nn.Module):
    """A network that reduces a sequence to one row, applied to each sequence alone.

    Args:
        pooling_func: network from ``[m, c, s, ...]`` to ``[m, ...]``.
    """

    def __init__(self, pooling_func: nn.Module) -> None:
        super().__init__()
        self.pooling_func = pooling_func

    def forward(self, x: Tensor, seq_lens: Tensor | None) -> Tensor:
        """``[n, c, s, ...]``, or packed ``[1, c, sum(s), ...]``, to ``[n, ...]``."""
        return each_sequence(x, split_lengths(seq_lens), self.pooling_func)


class PackedMax(nn.Module):
    """Maximum over the frames of each sequence."""

    def forward(self, x: Tensor, seq_lens: Tensor | None, dim: int = 2) -> Tensor:
        """``[n, c, s, ...]`` to ``[n, c, ...]``; packed ``[1, c, sum(s), ...]`` to ``[n, c, ...]``."""
        return each_sequence(x, split_lengths(seq_lens), lambda frames: _largest(frames, dim), dim)


def _largest(x: Tensor, dim: int) -> Tensor:
    """The maximum along an axis, taken in the order of the memory: else it is twenty times slower."""
    last = x.dim() == 5 and x.stride(1) == 1 and not x.is_contiguous()
    if dim < 2 or not last or torch.onnx.is_in_onnx_export():
        return frame_peaks(x, dim)
    return frame_peaks(x.movedim(1, -1), dim - 1).movedim(-1, 1)


def frame_peaks(x: Tensor, dim: int) -> Tensor:
    """``x.amax(dim)``; its gradient, which frames with the same maximum share, is three times as fast in
    bfloat16 on a CPU, to the bit the same.
    """
    fast = x.dtype == torch.bfloat16 and x.device.type == "cpu" and x.shape[dim] <= _COUNTED
    if not (fast and x.requires_grad) or torch._C._are_functorch_transforms_active():
        return x.amax(dim)
    peaks: Tensor = _Peaks.apply(x, dim)  # type: ignore[no-untyped-call]
    return peaks


_COUNTED = 256
"""Frames that bfloat16 can count."""


class _Peaks(torch.autograd.Function):
    """Torch makes two more copies of the maps for the gradient, one of them in 64 bits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int) -> Tensor:
        peaks = x.amax(dim)
        ctx.save_for_backward(x, peaks)
        ctx.dim = dim
        return peaks

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x, peaks), dim = ctx.saved_tensors, ctx.dim
        if torch.is_grad_enabled():  # the gradient is to be differentiated itself
            at_peak = (x.detach() == peaks.detach().unsqueeze(dim)).to(gradient.dtype)
            return at_peak * (gradient / at_peak.sum(dim)).unsqueeze(dim), None
        found = torch.eq(x, peaks.unsqueeze(dim), out=torch.empty_like(x))
        return found.mul_((gradient / found.sum(dim)).unsqueeze(dim)), None


def packed_temporal_conv(
    x: Tensor, conv: Callable[[Tensor], Tensor], lengths: list[int] | None, padding: int, dim: int
) -> Tensor:
    """Apply a convolution over time so that each sequence sees zeros beyond its own ends.

    Packed sequences are laid out with ``padding`` zero frames between neighbours: a convolution that
    pads by as much then reads, for each sequence, just what it would read were it alone.

    Args:
        x: features with time along ``dim``, all sequences one after the other.
        conv: stride-1 convolution, zero-padded by ``padding`` on both sides along ``dim``.
        lengths: frames of each sequence; None where each row of ``x`` is one sequence.
        padding: zero frames that the convolution adds on each side.
        dim: the time axis.

    Returns:
        The result without the gaps, same length along ``dim`` as ``x``.
    """
    if lengths is None or len(lengths) == 1:
        return conv(x)
    shape = list(x.shape)
    shape[dim] = padding
    gap = x.new_zeros(shape)
    first, *others = torch.split(x, lengths, dim)
    spaced = torch.cat([first, *(part for other in others for part in (gap, other))], dim)
    whole = conv(spaced)
    own = zip(_starts(lengths, padding), lengths, strict=True)
    return torch.cat([whole.narrow(dim, start, length) for start, length in own], dim)


def _starts(lengths: list[int], gap: int) -> list[int]:
    starts, position = [], 0
    for length in lengths:
        starts.append(position)
        position += length + gap
    return starts
