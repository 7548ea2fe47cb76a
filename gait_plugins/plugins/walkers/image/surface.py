"""The visible surface of a walker: for each pixel the hull in front, and how near it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from gait_plugins.plugins.walkers.image.render import SHIFT, extent

FAR = 2.0
"""Statures behind the aim at which nothing lies any more."""
STEPS = 1 << 20
"""Steps of nearness to a stature."""
RINGS = ((0, 1), (24, 6), (48, 11), (70, 14))
"""Degrees from the line of sight, and how many planes touch a hull there."""


@dataclass(frozen=True)
class Surface:
    """What is seen of the body, frame by frame."""

    codes: np.ndarray
    """int32 ``[t, h, w]``: 0 for the background, else steps of nearness times 256 plus the hull's number."""
    corner: np.ndarray
    """Where the first pixel lies, in pixels from the aim ``[2]``."""
    scale: float
    """Pixels of a stature."""

    @cached_property
    def mask(self) -> np.ndarray:
        """Where the body is, bool ``[t, h, w]``."""
        return self.codes > 0

    @property
    def hull(self) -> np.ndarray:
        """Number of the hull in front, uint8 ``[t, h, w]``; 0 in the background too."""
        return (self.codes & 255).astype(np.uint8)

    @cached_property
    def near(self) -> np.ndarray:
        """Statures by which the surface is nearer than the aim, float32 ``[t, h, w]``; the background lies
        at -:data:`FAR`."""
        return (self.codes >> 8).astype(np.float32) / np.float32(STEPS) - np.float32(FAR)

    def seen(self) -> np.ndarray:
        """Right, down and nearness of every pixel in statures, float32 ``[t, h, w, 3]``."""
        _, height, width = self.codes.shape
        right = (np.arange(width) + self.corner[0]) / self.scale
        down = (np.arange(height) + self.corner[1]) / self.scale
        flat = np.stack(np.meshgrid(right, down), -1).astype(np.float32)
        flats = np.broadcast_to(flat, (*self.codes.shape, 2))
        return np.concatenate([flats, self.near[..., None]], -1)


def surface(
    polygons: np.ndarray, placed: np.ndarray, bulges: np.ndarray, hulls: np.ndarray, scale: float
) -> Surface:
    """The front of a union of hulls.

    Args:
        polygons: outlines of the hulls, statures ``[t, k, corners, 2]``.
        placed: centres of the ellipsoids: right, down, nearness ``[t, n, 3]``.
        bulges: their shapes along the same axes ``[t, n, 3, 3]``.
        hulls: node indices ``[k, m]``.
        scale: pixels of a stature.
    """
    corner, width, height = extent(polygons, scale)
    fixed = np.rint((polygons * scale - corner) * (1 << SHIFT)).astype(np.int32)
    first = fixed.min(2) >> SHIFT
    sizes = ((fixed.max(2) >> SHIFT) - first).max(0) + 2
    codes = np.zeros((len(polygons), height + sizes[:, 1].max(), width + sizes[:, 0].max()), np.int32)
    slopes, levels = _planes(placed, bulges, hulls)
    for k in range(len(hulls)):
        near = _nearness(slopes, levels[:, k], first[:, k] + corner, sizes[k], scale)
        near += np.float32(FAR)
        near *= np.float32(STEPS)
        tiles = near.astype(np.int32)
        tiles <<= 8
        tiles |= k
        tiles &= _tiles(fixed[:, k], first[:, k], sizes[k])
        for frame, tile, (x, y) in zip(codes, tiles, first[:, k], strict=True):
            view = frame[y : y + tile.shape[0], x : x + tile.shape[1]]
            np.maximum(view, tile, out=view)
    return Surface(np.ascontiguousarray(codes[:, :height, :width]), corner, scale)


def _planes(placed: np.ndarray, bulges: np.ndarray, hulls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Planes that touch a hull from the front: slopes ``[p, 2]``, nearness at the middle ``[t, k, p]``."""
    angles = [(np.deg2rad(tilt), 2 * np.pi * i / count) for tilt, count in RINGS for i in range(count)]
    steep = np.array([[np.tan(tilt) * np.cos(a), np.tan(tilt) * np.sin(a), 1.0] for tilt, a in angles])
    reach = np.sqrt(np.einsum("pi,tnij,pj->tnp", steep, bulges, steep, optimize=True))
    support = (placed @ steep.T + reach).astype(np.float32)
    return steep[:, :2].astype(np.float32), support[:, hulls].max(2)


def _tiles(fixed: np.ndarray, first: np.ndarray, size: np.ndarray) -> np.ndarray:
    """One hull's outline filled in each frame, all bits or none, int32 ``[t, *size]``, from ``first``."""
    tiles = np.zeros((len(fixed), size[1], size[0]), np.int32)
    moved = fixed - (first[:, None] << SHIFT)
    for tile, outline in zip(tiles, moved, strict=True):
        cv2.fillConvexPoly(tile, outline, -1, cv2.LINE_8, SHIFT)
    return tiles


def _nearness(
    slopes: np.ndarray, levels: np.ndarray, origin: np.ndarray, size: np.ndarray, scale: float
) -> np.ndarray:
    """How near one hull's front is at the pixels of a tile, float32 ``[t, *size]``: its lowest plane."""
    down, right = np.mgrid[: size[1], : size[0]].astype(np.float32) / np.float32(scale)
    start = levels - (origin / scale).astype(np.float32) @ slopes.T
    lowest = np.full((len(levels), *right.shape), np.float32(FAR))
    work = np.empty_like(lowest)
    for (a, b), begin in zip(slopes, start.T, strict=True):
        np.subtract(begin[:, None, None], a * right + b * down, out=work)
        np.minimum(lowest, work, out=lowest)
    return lowest
