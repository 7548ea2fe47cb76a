"""Inputs of the recorded pose and map models: keypoints and maps by formula."""

from __future__ import annotations

import numpy as np

POSE_FREQUENCIES = (0.33, 0.47)
"""The two wave numbers that every recorded keypoint and map was made with; rule B has salt 20."""
SALT = 20


def keypoints(n: int, t: int, v: int) -> np.ndarray:
    """Joints float64 ``[n, t, v, 3]``: x, y in pixels, confidence 0.15..0.95."""
    a, b = POSE_FREQUENCIES
    who = np.arange(n, dtype=np.float64)[:, None, None]
    frame = np.arange(t, dtype=np.float64)[:, None]
    joint = np.arange(v, dtype=np.float64)
    x = 60 + 14 * np.sin(1.7 * joint + a * frame * (1 + 0.3 * who) + 1.9 * who)
    x = x + 3 * np.cos(b * joint * (frame + 1) + who)
    y = 20 + 6.5 * joint * (1 - 0.06 * who) + 4 * np.sin(b * frame + 0.9 * joint * (1 + 0.2 * who))
    sure = 0.55 + 0.4 * np.sin(0.7 * joint + a * frame + 1.3 * who)
    x, y, sure = np.broadcast_arrays(x, y, sure)
    return np.stack([x.round(2), y.round(2), sure.round(3)], -1)


def unit(points: np.ndarray) -> np.ndarray:
    """Keypoints at the scale of a network."""
    return (points - np.array([60.0, 75.0, 0.0])) / np.array([30.0, 30.0, 1.0])


def holes(points: np.ndarray) -> np.ndarray:
    """A copy of ``[t, v, 3]`` with joints that were not found, and some whose x alone is 0."""
    points = points.copy()
    frame, joint = np.indices(points.shape[:2])
    points[(3 * frame + 5 * joint) % 11 == 0] = 0
    points[(3 * frame + 5 * joint) % 11 == 1, 0] = 0
    return points


def maps(n: int, s: int, c: int, h: int, w: int) -> np.ndarray:
    """Smooth grey maps uint8 ``[n, s, c, h, w]``."""
    a, b = POSE_FREQUENCIES
    who, frame, channel, row, column = np.meshgrid(
        *(np.arange(size, dtype=np.float64) for size in (n, s, c, h, w)), indexing="ij", sparse=True
    )
    down = np.sin(a * row * (1 + 0.1 * who) + 0.23 * frame + 1.1 * channel)
    across = np.cos(b * column - 0.17 * frame * (1 + who) + 0.6 * channel)
    return np.floor(255 * (0.5 + 0.5 * down * across)).astype(np.uint8)
