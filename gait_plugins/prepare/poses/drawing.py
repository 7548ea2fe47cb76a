"""Drawing of limbs and joints as soft images: Gaussians whose height is the confidence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LIMBS = np.array(
    [
        *((0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (5, 7), (7, 9), (0, 6), (6, 8), (8, 10)),
        *((5, 11), (11, 13), (13, 15), (6, 12), (12, 14), (14, 16), (11, 12)),
    ]
)
"""Pairs of COCO's 17 joints. There is no line between the shoulders."""
LEAST = 1e-3
"""Confidence below which nothing is drawn."""
REACH = 3.0
"""Sigmas that a joint or a limb is drawn around."""
_FAR = np.float32(1e4)
_TOGETHER = 8
"""Frames that are drawn at a time: few enough for the processor's cache."""


class _Spans(NamedTuple):
    """Pixels from ``first`` up to, but without, ``end``, for each of several frames; int64 ``[f]``."""

    first: np.ndarray
    end: np.ndarray

    def among(self, seen: np.ndarray) -> np.ndarray:
        """All pixels that any of the frames that are seen needs."""
        return np.arange(self.first[seen].min(), self.end[seen].max())

    def outside(self, pixels: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Which of the pixels each frame has not, ``[f, pixels]``."""
        beyond = (pixels < self.first[:, None]) | (pixels >= self.end[:, None])
        return np.asarray(beyond | ~seen[:, None])


def drawn_joints(places: np.ndarray, sure: np.ndarray, sigma: float, side: int) -> np.ndarray:
    """Joints of each frame, the strongest at every pixel.

    Args:
        places: x and y on the canvas, float ``[t, v, 2]``.
        sure: confidence, float ``[t, v]``.
        sigma: spread of a joint in pixels.
        side: height and width of the canvas.

    Returns:
        float32 ``[t, side, side]``.
    """
    canvas = np.zeros((len(places), side, side), np.float32)
    for frames in _parts(len(places)):
        for joint in range(places.shape[1]):
            _joint(canvas[frames], places[frames, joint], sure[frames, joint], sigma)
    return canvas


def drawn_limbs(places: np.ndarray, sure: np.ndarray, sigma: float, side: int) -> np.ndarray:
    """Limbs of each frame, the strongest at every pixel; as strong as the weaker of their two joints.

    Args:
        places, sure, sigma, side: as of :func:`drawn_joints`, of COCO's 17 joints.

    Returns:
        float32 ``[t, side, side]``.
    """
    canvas = np.full((len(places), side, side), _FAR, np.float32)
    for frames in _parts(len(places)):
        for start, end in LIMBS:
            a, b = places[frames, start], places[frames, end]
            strength = np.minimum(sure[frames, start], sure[frames, end])
            # A limb of less than a pixel is its first joint, as strong as that is.
            dot = ((a - b) ** 2).sum(1) < 1
            strength = np.where(dot & (strength >= LEAST), sure[frames, start], strength)
            _limb(canvas[frames], a, np.where(dot[:, None], a, b), strength, sigma)
        np.negative(canvas[frames], out=canvas[frames])
        np.exp(canvas[frames], out=canvas[frames])
    return canvas


def _parts(total: int) -> list[slice]:
    return [slice(first, min(first + _TOGETHER, total)) for first in range(0, total, _TOGETHER)]


def _spans(low: np.ndarray, high: np.ndarray, sigma: float, side: int) -> _Spans:
    first = np.trunc(low - REACH * sigma).clip(0, side)
    end = (np.trunc(high + REACH * sigma) + 1).clip(0, side)
    return _Spans(first.astype(np.intp), end.astype(np.intp))


def _joint(canvas: np.ndarray, place: np.ndarray, sure: np.ndarray, sigma: float) -> None:
    """Draw one joint ``[f, 2]`` on ``[f, side, side]``."""
    columns, rows = (_spans(place[:, axis], place[:, axis], sigma, canvas.shape[-1]) for axis in (0, 1))
    seen = (sure >= LEAST) & (columns.end > columns.first) & (rows.end > rows.first)
    if seen.any():
        x, across = _bell(columns, place[:, 0], seen, sigma)
        y, down = _bell(rows, place[:, 1], seen, sigma)
        across *= sure[:, None].astype(np.float32)
        window = canvas[:, y[0] : y[-1] + 1, x[0] : x[-1] + 1]
        np.maximum(window, down[:, :, None] * across[:, None, :], out=window)


def _bell(
    spans: _Spans, middle: np.ndarray, seen: np.ndarray, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    pixels = spans.among(seen)
    bell = np.exp(-((pixels - middle[:, None]) ** 2) / (2 * sigma**2)).astype(np.float32)
    bell[spans.outside(pixels, seen)] = 0
    return pixels, bell


def _limb(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, sure: np.ndarray, sigma: float) -> None:
    """Lower ``[f, side, side]`` to the squared distance to a limb, less the logarithm of its strength.

    Distance is in units of sqrt(2) sigma, so that the limb is drawn by exp(-canvas).
    """
    side = canvas.shape[-1]
    low, high = np.minimum(start, end), np.maximum(start, end)
    columns, rows = (_spans(low[:, axis], high[:, axis], sigma, side) for axis in (0, 1))
    seen = (sure >= LEAST) & (columns.end > columns.first) & (rows.end > rows.first)
    if not seen.any():
        return
    unit = 1 / (np.sqrt(2) * sigma)
    along = (end - start) * unit
    length = np.sqrt((along**2).sum(1))
    ahead = np.where(length[:, None] > 0, along / np.maximum(length, 1e-12)[:, None], [1.0, 0.0])
    middle = (start + end) / 2
    x, y = columns.among(seen), rows.among(seen)
    right, down = (x - middle[:, [0]]) * unit, (y - middle[:, [1]]) * unit
    # Beside the limb: from its line. Along it: from its middle, less half its length.
    beside_x, beside_y = -ahead[:, [1]] * right, ahead[:, [0]] * down
    beside_x[columns.outside(x, seen)] = _FAR
    beside_y[rows.outside(y, seen)] = _FAR
    distance = _table(beside_x, beside_y)
    distance *= distance
    beyond = _table(ahead[:, [0]] * right, ahead[:, [1]] * down)
    np.abs(beyond, out=beyond)
    beyond -= (length / 2).astype(np.float32)[:, None, None]
    np.maximum(beyond, 0, out=beyond)
    beyond *= beyond
    distance += beyond
    distance -= np.log(np.maximum(sure, LEAST)).astype(np.float32)[:, None, None]
    window = canvas[:, y[0] : y[-1] + 1, x[0] : x[-1] + 1]
    np.minimum(window, distance, out=window)


def _table(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Sums of ``[f, columns]`` and ``[f, rows]``: float32 ``[f, rows, columns]``."""
    return np.asarray(across.astype(np.float32)[:, None, :] + down.astype(np.float32)[:, :, None])
