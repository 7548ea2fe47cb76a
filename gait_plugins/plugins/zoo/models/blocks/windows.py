"""Shifted windows of tokens over time, height and width, for sequences of any length side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Size = tuple[int, int, int]
"""Over (frames, height, width)."""
ABSENT = 3
"""Region of the places that a sequence shorter than a window leaves empty."""


class Group(NamedTuple):
    """Windows that follow each other and are masked alike."""

    size: int
    together: Tensor | None
    """Whether two tokens of a window see each other, bool ``[k, k]``; None where all do."""


class Windows(NamedTuple):
    """Which token stands where in which window; no window holds tokens of two sequences."""

    tokens: Tensor
    """int64 ``[m, k]``: a token of ``[frames * h * w]``, or their number for a place that is padded."""
    places: Tensor
    """int64 ``[frames * h * w]``: where each token stands in the flattened ``tokens``."""
    groups: list[Group]

    def cut(self, x: Tensor) -> Tensor:
        """Tokens ``[frames * h * w, c]`` as windows ``[m, k, c]``, padded with zeros."""
        return torch.cat([x, x.new_zeros(1, x.shape[1])])[self.tokens]

    def join(self, windows: Tensor) -> Tensor:
        """The reverse of :meth:`cut`."""
        return windows.flatten(0, 1)[self.places]


def windows_of(
    lengths: Sequence[int], extent: tuple[int, int], size: Size, shift: Size, device: torch.device
) -> Windows:
    """Cut sequences into windows, rolled by ``shift`` (Liu et al., Video Swin Transformer, CVPR 2022).

    A sequence that fills no window more than once is not rolled over time. What rolling brings
    together from both ends of an axis does not see each other.

    Args:
        lengths: frames of each sequence; sequences follow each other.
        extent: height and width of a frame in tokens, multiples of the window's.
        size: of a window.
        shift: of the windows against the frame; zeros for none.
        device: where the plan is used.
    """
    # Plain arrays: a plan is no part of what a tracer writes down.
    lengths, extent = [int(length) for length in lengths], (int(extent[0]), int(extent[1]))
    area, total = extent[0] * extent[1], sum(lengths)
    times, regions = _over_time(lengths, size[0], shift[0])
    rows, row_regions = _along(extent[0], size[1], shift[1])
    columns, column_regions = _along(extent[1], size[2], shift[2])
    space = rows[:, None, :, None] * extent[1] + columns[None, :, None, :]  # [nh, nw, size, size]
    tokens = times[:, None, None, :, None, None] * area + space[None, :, :, None]
    tokens = np.minimum(tokens, total * area)  # frame number total stands for padding
    tokens = tokens.reshape(-1, size[0] * size[1] * size[2])
    region = (
        regions[:, None, None, :, None, None] * 16
        + row_regions[None, :, None, None, :, None] * 4
        + column_regions[None, None, :, None, None, :]
    ).reshape(tokens.shape)
    code = _code(regions)[:, None, None] + _code(row_regions)[:, None] * 4**8 + _code(column_regions) * 4**16
    _, kind, counts = np.unique(code.ravel(), return_inverse=True, return_counts=True)
    order = np.argsort(kind.ravel(), kind="stable")
    tokens, region = tokens[order], region[order]
    places = np.empty(total * area + 1, np.int64)
    places[tokens.ravel()] = np.arange(tokens.size)
    firsts = np.cumsum(counts) - counts
    groups = [
        Group(int(many), _together(region[first], device)) for many, first in zip(counts, firsts, strict=True)
    ]
    return Windows(torch.from_numpy(tokens).to(device), torch.from_numpy(places[:-1]).to(device), groups)


def _code(region: np.ndarray) -> np.ndarray:
    """One number for each window's regions along an axis."""
    found: np.ndarray = (region * 4 ** np.arange(region.shape[1])).sum(1)
    return found


def _together(region: np.ndarray, device: torch.device) -> Tensor | None:
    if (region == region[0]).all():
        return None
    return torch.from_numpy(region[:, None] == region[None]).to(device)


def _along(extent: int, size: int, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions along an axis and their regions, ``[windows, size]`` each."""
    positions = np.roll(np.arange(extent), -shift)
    region = np.zeros(extent, np.int64)
    if shift:
        region[-size:] = 1
        region[-shift:] = 2
    return positions.reshape(-1, size), region.reshape(-1, size)


def _over_time(lengths: Sequence[int], size: int, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames and their regions, ``[windows, size]`` each; the number of all frames stands for none."""
    parts = list(_sequences(lengths, size, shift))
    return np.concatenate([frames for frames, _ in parts]), np.concatenate([regions for _, regions in parts])


def _sequences(lengths: Sequence[int], size: int, shift: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    start, total = 0, sum(lengths)
    for length in lengths:
        padded = -(-length // size) * size
        frames, region = _along(padded, size, shift if length > size else 0)
        outside = frames >= length
        if length < size:
            region = np.where(outside, ABSENT, region)
        yield np.where(outside, total, frames + start), region
        start += length
