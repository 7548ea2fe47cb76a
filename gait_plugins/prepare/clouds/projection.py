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
_REACH = 2
"""Pixels around the middle of a point that hold it, and one more."""
_DISC = np.array(
    [
        (row, column)
        for row in range(-_REACH * _FINE, _REACH * _FINE)
        for column in range(-_REACH * _FINE, _REACH * _FINE)
        if np.hypot(row + 0.5, column + 0.5) <= RADIUS * _FINE
    ]
).T
"""Rows and columns of a point, in parts of a pixel, around its middle."""
_ROWS, _COLUMNS = int(HEIGHT * SHARE), int(WIDTH * SHARE)
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
    return np.asarray(np.rint(255 * np.clip(bands, 0, 1)), np.uint8)


def panorama(cloud: np.ndarray) -> np.ndarray:
    """A cloud ``[m, 3]`` drawn as points on black, uint8 RGB ``[154, 1444, 3]``.

    Near points cover far ones. A cloud across the seam of the panorama is drawn half a turn further, in one
    piece. Points above and below the panorama are not seen.
    """
    canvas = np.zeros((_ROWS, _COLUMNS, 3), np.uint8)
    box, top, left = _drawn(cloud)
    below, right = min(_ROWS, top + box.shape[0]), min(_COLUMNS, left + box.shape[1])
    first, start = max(0, top), max(0, left)
    canvas[first:below, start:right] = box[first - top : below - top, start - left : right - left]
    return canvas


def _drawn(cloud: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The part of the panorama that the points cover, uint8 ``[h, w, 3]``, and its first row and column.

    It may reach over the edges of the panorama by the size of a point.
    """
    seen = seen_by_scanner(cloud)
    u = (seen.u + WIDTH / 2) % WIDTH if np.ptp(seen.u) > WIDTH / 2 else seen.u
    spread = np.ptp(seen.value)
    part = (seen.value - seen.value.min()) / (spread if spread > 0 else 1.0)
    order = np.argsort(part, kind="stable")
    order = order[(seen.v[order] >= 0) & (seen.v[order] <= HEIGHT)]
    if not len(order):
        return np.zeros((1, 1, 3), np.uint8), 0, 0
    across, down = u[order] * SHARE, (HEIGHT - seen.v[order]) * SHARE
    top, left = int(down.min()) - _REACH, int(across.min()) - _REACH
    rows, columns = int(down.max()) + _REACH + 1 - top, int(across.max()) + _REACH + 1 - left
    # Soft edges: discs on a finer grid. Each colour is one number there, so that a point is one write.
    middle = np.rint((down - top) * _FINE).astype(int) * columns * _FINE
    middle += np.rint((across - left) * _FINE).astype(int)
    colours = np.zeros((len(order), 4), np.uint8)
    colours[:, :3] = jet(part[order])
    fine = np.zeros(rows * columns * _FINE**2, np.uint32)
    disc = _DISC[0] * columns * _FINE + _DISC[1]
    # numpy leaves the last of several values in a place: the nearest point's.
    fine[middle[:, None] + disc] = colours.view(np.uint32)
    parts = fine.view(np.uint8).reshape(rows * _FINE, columns * _FINE, 4)
    small = cv2.resize(parts, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., :3]), top, left


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
    return _centred(_own_rows(image), size, published)


def _centred(image: np.ndarray, size: int, published: bool = False) -> np.ndarray:
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


def _own_rows(image: np.ndarray) -> np.ndarray:
    """The rows of the person, without the last; all of an image that holds next to nothing."""
    rows = image.sum((1, 2), dtype=np.int64)
    if rows.sum() <= _DARK:
        return image
    lit = np.flatnonzero(rows)
    return image[lit[0] : max(lit[-1], lit[0] + 1)]


def _middle(image: np.ndarray) -> int:
    total = image.sum((0, 2), dtype=np.int64).cumsum()
    beyond = np.flatnonzero(total > total[-1] / 2)
    return int(beyond[0]) if len(beyond) else image.shape[1] // 2


def depth_image(cloud: np.ndarray, size: int = 64, *, published: bool = False) -> np.ndarray:
    """The depth image of a cloud ``[m, 3]``, uint8 RGB ``[3, size, size]``.

    What :func:`aligned` makes of the panorama, but nothing ends at the panorama's edges.

    Args:
        cloud: metres, z up, from the scanner.
        size: height and width of the image.
        published: parity with OpenGait: of the panorama, with all that happens at its edges.
    """
    if published:
        image = aligned(panorama(cloud), size, published=True)
    else:
        image = _own_rows(_drawn(cloud)[0])
        # So wide that no cut leaves it, and a multiple of its height: both axes are scaled alike.
        rows, columns = image.shape[:2]
        spare = max(2, -(-columns // rows) + 1) * rows - columns
        image = _centred(np.pad(image, ((0, 0), (spare // 2, spare - spare // 2), (0, 0))), size)
    return np.ascontiguousarray(image.transpose(2, 0, 1))
