"""Cameras of the street: where they stand, and what they see of points, bodies and the ground."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

NEAR = 0.5
"""Metres before a camera from which on things are seen."""


@dataclass(frozen=True)
class StreetCamera:
    """A pinhole camera in the street.

    The street's axes, in metres: x along it, y away from the cameras' side, z up.

    Args:
        place: where it stands.
        yaw: degrees by which it looks to the right of straight across the street.
        tilt: degrees by which it looks down.
        focal: its focal length as a share of the picture's width.
    """

    place: tuple[float, float, float]
    yaw: float
    tilt: float
    focal: float

    @cached_property
    def axes(self) -> np.ndarray:
        """Rows: image right, image down, towards the camera; ``[3, 3]``."""
        yaw, tilt = np.deg2rad(self.yaw), np.deg2rad(self.tilt)
        away = np.array([np.sin(yaw) * np.cos(tilt), np.cos(yaw) * np.cos(tilt), -np.sin(tilt)])
        right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
        return np.stack([right, np.cross(right, -away), -away])

    def before(self, points: np.ndarray) -> np.ndarray:
        """Points ``[..., 3]`` as right, down and away from the camera, in metres."""
        seen = (points - np.asarray(self.place)) @ self.axes.T
        seen[..., 2] *= -1
        return np.asarray(seen)

    def pixels(self, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Pixels (right, down) ``[..., 2]`` where points of the street are seen in a picture of that size.

        Points behind the camera are seen as if they were just before it, far outside.
        """
        seen = self.before(points)
        width, height = size
        away = np.maximum(seen[..., 2:], NEAR)
        return np.asarray(seen[..., :2] * (self.focal * width / away) + [(width - 1) / 2, (height - 1) / 2])

    def rays(self, size: tuple[int, int]) -> np.ndarray:
        """Directions of the pixels' lines of sight in the street's axes, float64 ``[h, w, 3]``."""
        width, height = size
        right, down = np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2)
        own = np.stack([right, down, np.full(right.shape, -self.focal * width)], -1)
        return np.asarray(own @ self.axes)


CAMERAS = {
    "a": StreetCamera((0.0, 0.0, 2.6), 0.0, 8.0, 0.95),
    "b": StreetCamera((-5.2, -1.2, 2.9), 28.0, 9.0, 1.1),
    "c": StreetCamera((5.2, -1.2, 2.4), -28.0, 7.0, 1.1),
}
"""The three cameras of the street: a looks straight across, b to the right, c to the left."""
END = 12.0
"""Metres along the street, to both sides, at which nobody is in view of any camera any more."""
LANES = 5.8, 10.8
"""Metres across the street between which people walk."""
WALL = 13.2
"""Metres across the street at which the house stands."""
