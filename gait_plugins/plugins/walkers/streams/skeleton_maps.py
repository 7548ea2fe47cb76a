"""Skeleton maps: keypoints as soft images of limbs and joints, as SkeletonGait's pretreatment draws them."""

from __future__ import annotations

import numpy as np

from gait_plugins.plugins.walkers.streams.keypoints import keypoints
from gait_plugins.plugins.walkers.streams.scene import Shot

LIMBS = np.array(
    [
        *((0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (5, 7), (7, 9), (0, 6), (6, 8), (8, 10)),
        *((5, 11), (11, 13), (13, 15), (6, 12), (12, 14), (14, 16), (11, 12)),
    ]
)
"""Pairs of COCO's joints."""
CANVAS, HEIGHT, SIGMA = 128, 85.0, 8.0
"""Side of the canvas, height of the skeleton on it, and spread of a joint, in pixels."""
LEAST = 1e-3
"""Confidence below which nothing is drawn."""
SIZE = 64


def skeleton_maps(shot: Shot) -> np.ndarray:
    """Limbs (channel 0) and joints (1) of the keypoints, uint8 ``[t, 2, 64, 64]``."""
    return drawn(keypoints(shot))


def drawn(found: np.ndarray) -> np.ndarray:
    """Maps of keypoints ``[t, 17, 3]``: uint8 ``[t, 2, 64, 64]``.

    The skeleton is centred at the middle of the hips and brought to one height; a joint that was not found
    moves neither and is not drawn. Both channels are cut alike, and drawn at their final size.
    """
    confidence = found[..., 2]
    places = on_canvas(imputed(found[..., :2], confidence > 0))
    maps = np.zeros((len(found), 2, SIZE, SIZE), np.float32)
    for out, place, sure in zip(maps, places, confidence, strict=True):
        seen = sure > LEAST
        if seen.any():
            rows, columns = _grid(place[seen, 1])
            near = _near(columns, place[seen, 0])
            out[1, :, near] = _joints(place[seen], sure[seen], rows, columns[near])
            pairs = LIMBS[seen[LIMBS].all(1)]
            if len(pairs):
                out[0, :, near] = _limbs(place[pairs], sure[pairs].min(1), rows, columns[near])
    return (maps * 255).astype(np.uint8)


def imputed(places: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Places ``[t, v, 2]`` where those that were not found are taken from the frames around, or from the
    joints that were found."""
    result = places.astype(np.float64)
    moments = np.arange(len(places))
    for joint in np.flatnonzero(~found.all(0)):
        known = found[:, joint]
        for axis in range(2):
            column = result[:, joint, axis]
            if known.any():
                column[~known] = np.interp(moments[~known], moments[known], column[known])
            elif found.any():
                column[:] = places[..., axis][found].mean()
    return result


def on_canvas(places: np.ndarray) -> np.ndarray:
    """Places moved to the hips and scaled, so that the canvas holds them, ``[t, v, 2]``."""
    centre = places[:, 11:13].mean(1, keepdims=True)
    height = np.ptp(places[..., 1], axis=1)
    scale = HEIGHT / np.maximum(height, 1e-6)
    return np.asarray((places - centre) * scale[:, None, None] + CANVAS / 2)


def _grid(heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the rows and columns of the small map lie on the canvas, float32 ``[64]`` each."""
    top = max(np.floor(heights.min() - 3 * SIGMA), 0)
    bottom = min(np.ceil(heights.max() + 3 * SIGMA), CANVAS - 1)
    side = bottom + 1 - top
    steps = (np.arange(SIZE) + 0.5) * side / SIZE - 0.5
    return (top + steps).astype(np.float32), (CANVAS // 2 - side // 2 + steps).astype(np.float32)


def _near(columns: np.ndarray, across: np.ndarray) -> slice:
    """Columns of the small map that anything is drawn on."""
    inside = (columns >= across.min() - 3 * SIGMA) & (columns <= across.max() + 3 * SIGMA)
    first = int(inside.argmax())
    return slice(first, first + int(np.count_nonzero(inside)))


def _joints(places: np.ndarray, sure: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    places = places.astype(np.float32)
    across, down = (_bell(grid - places[:, [axis]]) for axis, grid in ((0, columns), (1, rows)))
    return np.asarray((sure[:, None, None] * down[:, :, None] * across[:, None, :]).max(0))


def _bell(distance: np.ndarray) -> np.ndarray:
    near = np.abs(distance) <= 3 * SIGMA
    return np.where(near, np.exp(-(distance**2) / np.float32(2 * SIGMA**2)), np.float32(0))


def _limbs(ends: np.ndarray, sure: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    ends = ends.astype(np.float32)
    start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    length = np.maximum((along**2).sum(1), np.float32(1e-6))[:, None, None]
    # Offsets of every pixel from the limb's start: one part for columns, one for rows.
    x, y = (columns - start[:, [0]])[:, None, :], (rows - start[:, [1]])[:, :, None]
    across, down = along[:, 0, None, None], along[:, 1, None, None]
    share = x * (across / length) + y * (down / length)
    np.clip(share, 0, 1, out=share)
    distance = (x - share * across) ** 2
    share *= down
    np.subtract(y, share, out=share)
    share *= share
    distance += share
    distance *= np.float32(-1 / (2 * SIGMA**2))
    strength = np.where(distance < np.float32(-4.5), -np.inf, distance + np.log(sure)[:, None, None])
    return np.asarray(np.exp(strength.max(0)))
