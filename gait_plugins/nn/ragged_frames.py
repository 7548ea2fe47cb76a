"""Ragged frames in a network: split by sequence, padded to one size, pooled over their rows."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from gait_plugins.api import RaggedTensor


def split_frames(frames: RaggedTensor, counts: list[int]) -> list[RaggedTensor]:
    """The frames of each sequence of a batch.

    Args:
        frames: of all sequences, one after the other.
        counts: frames of each: those of ``seq_lens``, or n times s for a stacked batch.
    """
    found, first = [], 0
    for count in counts:
        offsets = frames.offsets[first : first + count + 1]
        found.append(RaggedTensor(frames.values[offsets[0] : offsets[-1]], offsets - offsets[0]))
        first += count
    return found


def join_frames(parts: list[RaggedTensor]) -> RaggedTensor:
    """The frames of several, one after the other."""
    sizes = torch.cat([part.offsets.diff() for part in parts])
    offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    return RaggedTensor(torch.cat([part.values for part in parts]), offsets)


def pad_frames(frames: RaggedTensor, value: float = 0.0) -> tuple[Tensor, Tensor]:
    """Frames filled up to the largest one.

    Returns:
        ``[frames, most, ...]``, and bool ``[frames, most]``: true where a row is one of the frame's own.
    """
    sizes = frames.offsets.diff()
    most = int(sizes.max()) if len(sizes) else 0
    own = torch.arange(most, device=sizes.device) < sizes[:, None]
    padded = frames.values.new_full((len(sizes), most, *frames.values.shape[1:]), value)
    padded[own] = frames.values
    return padded, own


def pool_frames(frames: RaggedTensor, by: Literal["max", "mean"] = "max") -> Tensor:
    """One row for each frame, ``[frames, ...]``: the largest values of its rows, or their mean."""
    padded, own = pad_frames(frames, float("-inf") if by == "max" else 0.0)
    if by == "max":
        return padded.amax(1)
    sizes = own.sum(1).clamp(min=1).view(-1, *[1] * (padded.dim() - 2))
    return padded.sum(1) / sizes
