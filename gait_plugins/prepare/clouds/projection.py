"""Projection of a point cloud to a depth image: the panorama of the scanner, coloured by distance and cut.

The geometry is that of LidarGait (Shen et al., CVPR 2023): a panorama of 0.19188 by 0.2 degrees a step, the
distances of one frame from far (blue) to near (red), the person 64 pixels high and in the middle.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

STEP_ACROSS, STEP_UP = 0.19188, 0.2
"""Degrees of a step of the panorama."""
LOWEST, HIGHEST = -25.0, 15.0
"""Degrees that the panorama reaches down and up."""
WIDTH, HEIGHT = 360 / STEP_ACROSS, (HIGHEST - LOWEST) / STEP_UP
"""Steps of the panorama."""
SHARE = 0.77
"""Pixels of a step: the part of the published figure that is not its margin."""
RADIUS = 100 / 72 / 2
"""Of a point, in pixels: one typographic point across at 100 dots an inch."""
_FINE = 8
"""Parts of a pixel's side, by which the edges of points are soft."""
_DARK = 10000
"""Sum of an image that is taken whole, because it holds next to nothing."""


class Seen(NamedTuple):
    """A cloud on the panorama, float64 ``[m]`` each."""

    u: np.ndarray
    """Steps to the right; the middle of the panorama looks along -x."""
    v: np.ndarray
    """Steps up from its lowest edge."""
    value: np.ndarray
    """What becomes a colour: minus the distance along the ground, metres."""


def seen_by_scanner(cloud: np.ndarray) -> Seen:
    """Where the points of a cloud ``[m, 3]`` (metres, z up, from the scanner) lie on the panorama."""
    x, y, z = np.asarray(cloud, np.float64).T[:3]
    away = np.hypot(x, y)
    u = (180 + np.rad2deg(np.arctan2(y, -x))) / STEP_ACROSS
    v = (np.rad2deg(np.arctan2(z, away)) - LOWEST) / STEP_UP
    return Seen(u, v, -away)


def jet(part: np.ndarray) -> np.ndarray:
    """Colours of numbers 0 to 1 ``[m]``: dark blue, cyan, yellow, dark red; uint8 RGB ``[m, 3]``."""
    bands = 1.5 - np.abs(4 * part[:, None] - [3.0, 2.0, 1.0])
    return np.rint(255 * np.clip(bands, 0, 1)).astype(np.uint8)


def panorama(cloud: np.ndarray) -> np.ndarray:
    """A cloud ``[m, 3]`` drawn as points on black, uint8 RGB ``[154, 1444, 3]``.

    Near points cover far ones. A cloud across the seam of the panorama is drawn half a turn further, in one
    piece. Points above and below the panorama are not seen.
    """
    seen = seen_by_scanner(cloud)
    u = seen.u
    if np.ptp(u) > WIDTH / 2:
        u = (u + WIDTH / 2) % WIDTH
    order = np.argsort(seen.value, kind="stable")
    spread = np.ptp(seen.value)
    part = (seen.value - seen.value.min()) / (spread if spread > 0 else 1.0)
    across, down = u[order] * SHARE, (HEIGHT - seen.v[order]) * SHARE
    return _drawn(across, down, jet(part[order]), int(HEIGHT * SHARE), int(WIDTH * SHARE))


def _drawn(across: np.ndarray, down: np.ndarray, colours: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Discs at places (pixels), each over those before it, uint8 ``[rows, columns, 3]``."""
    image = np.zeros((rows, columns, 3), np.uint8)
    reach = int(np.ceil(RADIUS)) + 1
    left, right = max(0, int(across.min()) - reach), min(columns, int(across.max()) + reach + 1)
    top, bottom = max(0, int(down.min()) - reach), min(rows, int(down.max()) + reach + 1)
    if left >= right or top >= bottom:
        return image
    # Parts of pixels around each point, of which those whose middle lies in the disc are the point's.
    near = np.arange(-reach * _FINE, reach * _FINE)
    first_row, first_column = np.floor(down * _FINE).astype(int), np.floor(across * _FINE).astype(int)
    row, column = first_row[:, None] + near, first_column[:, None] + near
    height = ((row + 0.5) / _FINE - down[:, None]) ** 2
    width = ((column + 0.5) / _FINE - across[:, None]) ** 2
    point, i, j = np.nonzero(height[:, :, None] + width[:, None] <= RADIUS**2)
    fine_row, fine_column = row[point, i] - top * _FINE, column[point, j] - left * _FINE
    size = (bottom - top) * _FINE, (right - left) * _FINE
    inside = (fine_row >= 0) & (fine_row < size[0]) & (fine_column >= 0) & (fine_column < size[1])
    fine = np.zeros((*size, 3), np.uint8)
    # numpy leaves the last of several values in a place: the nearest point's.
    fine[fine_row[inside], fine_column[inside]] = colours[point[inside]]
    image[top:bottom, left:right] = cv2.resize(
        fine, (right - left, bottom - top), interpolation=cv2.INTER_AREA
    )
    return image


def aligned(image: np.ndarray, size: int = 64, *, published: bool = False) -> np.ndarray:
    """The person of an image, so many pixels high and in the middle, uint8 ``[size, size, 3]``.

    Rows go from the first that is not black to the last, which is left out; the middle is the column up to
    which half of all brightness lies.

    Args:
        image: uint8 ``[h, w, 3]``.
        size: height and width of the result.
        published: parity with OpenGait: where the cut leaves the image, it moves to the right by half of its
            width, and is narrower where the image ends.
    """
    rows = image.sum((1, 2), dtype=np.int64)
    if rows.sum() > _DARK:
        lit = np.flatnonzero(rows)
        image = image[lit[0] : max(lit[-1], lit[0] + 1)]
    columns = int(size * (image.shape[1] / image.shape[0]))
    image = cv2.resize(image, (columns, size), interpolation=cv2.INTER_CUBIC)
    middle = _middle(image)
    half = size // 2
    left = middle - half
    if left > 0 and middle + half < columns:
        return image[:, left : left + size]
    if published:
        return image[:, middle : middle + size]
    padded = np.pad(image, ((0, 0), (half, half), (0, 0)))
    return padded[:, middle : middle + size]


def _middle(image: np.ndarray) -> int:
    total = image.sum((0, 2), dtype=np.int64).cumsum()
    beyond = np.flatnonzero(total > total[-1] / 2)
    return int(beyond[0]) if len(beyond) else image.shape[1] // 2


def depth_image(cloud: np.ndarray, size: int = 64, *, published: bool = False) -> np.ndarray:
    """The depth image of a cloud ``[m, 3]``, uint8 RGB ``[3, size, size]``; see :func:`aligned`."""
    return np.ascontiguousarray(aligned(panorama(cloud), size, published=published).transpose(2, 0, 1))
