"""Noise of background subtraction: ragged edges, holes, lost patches, an unsteady threshold."""

from __future__ import annotations

import cv2
import numpy as np

FIELD = 144
"""Least side of the noise field that a sequence cuts its windows from."""


def degrade(frames: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
    """Silhouettes as a segmentation would give them.

    Args:
        frames: uint8 0/255 ``[t, h, w]`` with an empty margin.
        level: 0 leaves the frames as they are, 1 is a usual camera.
    """
    if level <= 0:
        return frames
    count, height, width = frames.shape
    side = (max(FIELD, height + 1), max(FIELD, width + 1))
    field = cv2.GaussianBlur(rng.normal(size=side).astype(np.float32), (0, 0), 1.3)
    field = np.clip(127 + field * (27 * level / field.std()), 40, 200).astype(np.int16)
    # The sequence has a bias of its own (light), every frame trembles around it.
    bias = rng.normal(0, 18 * level) + rng.normal(0, 13 * level, count)
    bias = np.clip(bias, -30, 40).astype(np.int16)
    corner = (rng.random((count, 2)) * [side[0] - height, side[1] - width]).astype(int)
    work = frames.copy()
    for frame, spots in zip(work, _holes(rng, frames, level), strict=True):
        for x, y, a, b, turn in spots:
            cv2.ellipse(frame, (x, y), (a, b), turn, 0, 360, 0, -1)
    # One call for all frames: their margins keep them apart.
    soft = cv2.blur(work.reshape(-1, width), (3, 3)).reshape(frames.shape)
    result = np.empty(frames.shape, bool)
    for i, (top, left) in enumerate(corner):
        np.greater(soft[i], field[top : top + height, left : left + width] + bias[i], out=result[i])
    return result.view(np.uint8) * np.uint8(255)


def _holes(rng: np.random.Generator, frames: np.ndarray, level: float) -> list[list[tuple[int, ...]]]:
    """Ellipses to erase in each frame: small ones that come and go, rarely a large one that stays a while."""
    count, height, width = frames.shape
    found: list[list[tuple[int, ...]]] = [[] for _ in range(count)]
    for i in np.flatnonzero(rng.random(count) < 0.25 * level):
        found[i].append(_spot(rng, height, width, 1, 4))
    if rng.random() < 0.25 * level:
        start = int(rng.integers(0, count))
        spot = _spot(rng, height, width, 3, 7)
        for frame in range(start, min(start + int(rng.integers(2, 7)), count)):
            found[frame].append(spot)
    return found


def _spot(rng: np.random.Generator, height: int, width: int, small: int, large: int) -> tuple[int, ...]:
    """Centre, half axes and turn of an ellipse, mostly on the body."""
    column = np.clip(rng.normal(width / 2, 0.20 * width), 0, width - 1)
    row = rng.integers(int(0.1 * height), int(0.9 * height))
    half = rng.integers(small, large, 2)
    return int(column), int(row), int(half[0]), int(half[1]), int(rng.integers(0, 180))
