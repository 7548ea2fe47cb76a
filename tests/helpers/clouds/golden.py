"""Inputs of the recorded numbers of point clouds, and LidarGait++ with the recorded weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel
from helpers.golden_rules import FREQUENCIES, check_state_dict, fill_weights_B, golden_json, sil

SEED = 100
POINTS = 40
FRAMES = 3


def cloud(n: int, s: int, m: int) -> np.ndarray:
    """Frame s of sequence n: m points in metres, z up, float64 ``[m, 3]``."""
    a, b = FREQUENCIES
    k = np.arange(m, dtype=np.float64)
    u = (k * 0.6180339887498949 + a * (n + 1) + 0.11 * s) % 1
    v = (k * 0.7548776662466927 + b * (s + 1) + 0.07 * n) % 1
    z = -1.1 + (1.6 + 0.1 * n) * u
    r = 0.14 + 0.09 * np.sin(5 * z + 0.4 * s + n)
    x = 6.5 + 0.3 * s + r * np.cos(2 * np.pi * v)
    y = 0.4 - 0.2 * s + r * np.sin(2 * np.pi * v) + 0.05 * n
    return np.stack([x, y, z], 1)


def cloud_size(n: int, s: int, base: int) -> int:
    """Points of frame s of sequence n: unequal on purpose."""
    return base + 7 * ((5 * n + 3 * s) % 4)


def _grid(*sizes: int) -> list[np.ndarray]:
    return np.meshgrid(*(np.arange(size, dtype=np.float64) for size in sizes), indexing="ij", sparse=True)


def body(n: int, s: int, h: int, w: int) -> np.ndarray:
    """0/1 float64 ``[n, s, h, w]``: one wavy upright blob, with background all around."""
    a, b = FREQUENCIES
    who, frame, row, column = _grid(n, s, h, w)
    y = row - h * (0.5 + 0.03 * np.sin(frame + who))
    y = y / (h * (0.40 + 0.03 * np.cos(1.3 * frame + who)))
    x = column - w * (0.5 + 0.08 * np.sin(10 * a * frame + who))
    x = x / (w * (0.20 + 0.05 * np.sin(10 * b * frame + 2 * who)))
    return (y**2 + (x / (1 + 0.25 * np.sin(9 * y + frame))) ** 2 < 1).astype(np.float64)


def depth(n: int, s: int, h: int, w: int) -> np.ndarray:
    """Coloured depth images, black outside the silhouettes, uint8 ``[n, s, 3, h, w]``."""
    a, b = FREQUENCIES
    who, frame, channel, row, column = _grid(n, s, 3, h, w)
    down = np.sin(a * row * (1 + 0.1 * who) + 0.9 * channel + 0.23 * frame)
    across = np.cos(b * column - 0.17 * frame * (1 + who) + 0.5 * channel)
    values = np.floor(127.5 + 127.4 * down * across)
    return (values * sil(n, s, h, w).numpy()[:, :, None]).astype(np.uint8)


def coloured(n: int, s: int, h: int, w: int) -> np.ndarray:
    """The same with the channels last, uint8 ``[n, s, h, w, 3]``."""
    return depth(n, s, h, w).transpose(0, 1, 3, 4, 2)


def normalised(clouds: np.ndarray, heights: bool) -> np.ndarray:
    """What the published transform makes of clouds ``[s, m, 3]`` without augmentation, ``[s, m, 3 or 4]``."""
    centred = clouds - clouds.mean(1, keepdims=True)
    unit = centred / np.linalg.norm(centred, axis=2).max(1)[:, None, None]
    # The published code measures heights first, and changes z with it: the ground is 0 there.
    ground = clouds[..., 2:] - clouds[..., 2:].min(1, keepdims=True)
    return np.concatenate([unit, ground], 2) if heights else unit


def recorded_clouds(heights: bool, flattened: bool = False) -> Tensor:
    """The recorded input of LidarGait++, float32 ``[2, 3, 40, 3 or 4]``."""
    clouds = [np.stack([cloud(n, t, POINTS) for t in range(FRAMES)]) for n in range(2)]
    found = np.stack([normalised(each, heights) for each in clouds]).astype(np.float32)
    if flattened:
        found[1, ..., 2] *= np.float32(1.3)
    return torch.from_numpy(found)


def recorded_model(name: str, **changes: Any) -> GaitModel:
    """The model of a recording, with its weights; keys, shapes and the number of parameters are compared."""
    description = golden_json(f"clouds/{name}")
    options = {"model": "LidarGaitPlusPlus", **description["model_cfg"], **changes}
    if options["pool"] == "VLAD":
        # The published key cannot express it: the recorded one has other numbers.
        options["SeparateFCs"] = {**options["SeparateFCs"], "in_channels": 16 * 16}
    model: GaitModel = gait_plugins.build("model", options)
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]
    return fill_weights_B(model).eval()


def cloud_batch(frames: Any, seq_lens: Tensor | None = None, n: int | None = None) -> GaitBatch:
    """Frames as a batch, each sequence of another identity."""
    count = n or (len(frames) if seq_lens is None else seq_lens.numel())
    return GaitBatch([frames], torch.arange(count) % 4, ["nm-01"] * count, ["090"] * count, seq_lens)
