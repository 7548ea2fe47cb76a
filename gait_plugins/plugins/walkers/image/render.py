"""Hulls of ellipses drawn as silhouettes."""

from __future__ import annotations

import cv2
import numpy as np

PIXELS = 84.0
"""Pixels of one stature."""
MARGIN = 3
"""Empty pixels around the person."""
CORNERS = 14
"""Corners of the polygon that stands for a hull."""
SHIFT = 4
"""Fractional bits of polygon coordinates."""


def outlines(centres: np.ndarray, shapes: np.ndarray, hulls: np.ndarray) -> np.ndarray:
    """Convex polygons of the hulls of ellipses, by their support points in evenly spread directions.

    Args:
        centres: ``[t, n, 2]``.
        shapes: ``A A^T``, ``[t, n, 2, 2]``.
        hulls: node indices ``[k, m]``.

    Returns:
        Corners ``[t, k, CORNERS, 2]``, all of them on the hull.
    """
    angle = 2 * np.pi * np.arange(CORNERS) / CORNERS
    normal = np.stack([np.cos(angle), np.sin(angle)])
    centres, shapes, normal = (x.astype(np.float32) for x in (centres, shapes, normal))
    steep = shapes @ normal
    reach = np.sqrt((normal * steep).sum(2))
    points = centres[..., None] + steep / reach[:, :, None]
    support = centres @ normal + reach
    best = hulls[np.arange(len(hulls))[:, None], support[:, hulls].argmax(2)]
    frame = np.arange(len(points))[:, None, None]
    return np.asarray(points.transpose(0, 1, 3, 2)[frame, best, np.arange(CORNERS)])


def extent(polygons: np.ndarray, scale: float = PIXELS) -> tuple[np.ndarray, int, int]:
    """The image that is just large enough for all frames and a margin.

    Returns:
        Where its first pixel lies, in pixels ``[2]``; its width and its height.
    """
    pixels = polygons * scale
    corner = pixels.min((0, 1, 2)) - MARGIN
    width, height = np.ceil(pixels.max((0, 1, 2)) - corner).astype(int) + MARGIN
    return corner, width, height


def draw(polygons: np.ndarray) -> np.ndarray:
    """Fill convex polygons ``[t, k, corners, 2]`` (statures).

    Returns:
        uint8 0/255 ``[t, h, w]``, as large as :func:`extent` says.
    """
    corner, width, height = extent(polygons)
    fixed = np.rint((polygons * PIXELS - corner) * (1 << SHIFT)).astype(np.int32)
    frames = np.zeros((len(polygons), height, width), np.uint8)
    fill = cv2.fillConvexPoly
    for frame, parts in zip(frames, fixed, strict=True):
        for part in parts:
            fill(frame, part, 255, cv2.LINE_8, SHIFT)
    return frames
