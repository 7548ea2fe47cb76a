"""Inputs of the recorded models of pictures: frames, bodies, ratios and features by formula."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

A, B = 0.31, 0.41
"""The two wave numbers that every recorded picture was made with; rule B has salt 0."""


def _grid(*sizes: int) -> list[np.ndarray]:
    return np.meshgrid(*(np.arange(size, dtype=np.float64) for size in sizes), indexing="ij", sparse=True)


def body(n: int, s: int, h: int, w: int) -> Tensor:
    """One wavy upright figure, 0/1 float32 ``[n, s, h, w]``."""
    who, frame, row, column = _grid(n, s, h, w)
    down = row - h * (0.5 + 0.03 * np.sin(frame + who))
    down = down / (h * (0.40 + 0.03 * np.cos(1.3 * frame + who)))
    across = column - w * (0.5 + 0.08 * np.sin(10 * A * frame + who))
    across = across / (w * (0.20 + 0.05 * np.sin(10 * B * frame + 2 * who)))
    inside = down**2 + (across / (1 + 0.25 * np.sin(9 * down + frame))) ** 2 < 1
    return torch.from_numpy(inside.astype(np.float32))


def rgb(n: int, s: int, h: int, w: int) -> np.ndarray:
    """Pictures uint8 ``[n, s, 3, h, w]``."""
    who, frame, channel, row, column = _grid(n, s, 3, h, w)
    down = 80 * np.sin(0.5 * A * row + 1.1 * channel + 0.23 * frame * (1 + 0.3 * who))
    across = 47 * np.cos(0.7 * B * column - 0.17 * frame + 2.1 * channel * (1 + who))
    return np.floor(127.5 + down + across).astype(np.uint8)


def latent(n: int, s: int, h: int, w: int, a: float = A, b: float = B) -> Tensor:
    """Features float32 ``[n, s, 4, h, w]``."""
    who, frame, channel, row, column = _grid(n, s, 4, h, w)
    down = 1.5 * np.sin(a * row * (1 + 0.1 * who) + 0.8 * channel + 0.23 * frame)
    across = 1.2 * np.cos(b * column * (1 + 0.1 * channel) - 0.17 * frame * (1 + who))
    return torch.from_numpy((down + across).astype(np.float32))


def ratio(n: int, s: int) -> Tensor:
    """Width divided by height, float32 ``[n, s]``."""
    who, frame = _grid(n, s)
    return torch.from_numpy((0.45 + 0.17 * np.sin(10 * A + 1.7 * who + 0.6 * frame)).astype(np.float32))
