"""Cameras of a walk: CASIA-B's ring of cameras, slightly above the walker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

VIEWS = tuple(f"{angle:03d}" for angle in range(0, 181, 18))
"""CASIA-B's eleven views: 000 from the front, 090 from the walker's left, 180 from behind."""

AIM = 0.5
"""Height that the camera looks at, in statures."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera around the walker; angles in degrees, distance in statures."""

    azimuth: float
    elevation: float = 8.0
    distance: float = 4.5

    def axes(self) -> np.ndarray:
        """Rows: image right, image down, towards the camera; ``[3, 3]``."""
        a, e = np.deg2rad(self.azimuth), np.deg2rad(self.elevation)
        east, north, up = np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)
        right, far = -np.sin(a), np.cos(a)
        # The second row is the cross product of the others; numpy's own takes a tenth of a scan's time.
        down = [far * up, -right * up, right * north - far * east]
        return np.array([[right, far, 0.0], down, [east, north, up]])

    def project(self, centres: np.ndarray, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ellipsoids as ellipses of the image (weak perspective within each ellipsoid).

        Args:
            centres: ``[t, n, 3]`` in statures.
            shapes: ``A A^T``, ``[t, n, 3, 3]``.

        Returns:
            Centres ``[t, n, 2]`` (right, down) and shapes ``[t, n, 2, 2]``, in statures at the aim.
        """
        axes = self.axes()
        seen = (centres - [0.0, 0.0, AIM]) @ axes.T
        scale = self.distance / (self.distance - seen[..., 2])
        flat = axes[:2] @ shapes @ axes[:2].T
        return seen[..., :2] * scale[..., None], flat * (scale**2)[..., None, None]

    def place(self, points: np.ndarray) -> np.ndarray:
        """Points ``[..., 3]`` as they are seen: right and down as in the image, and how much nearer than the
        aim, in statures."""
        seen = (points - [0.0, 0.0, AIM]) @ self.axes().T
        seen[..., :2] *= (self.distance / (self.distance - seen[..., 2]))[..., None]
        return np.asarray(seen)

    def lift(self, seen: np.ndarray) -> np.ndarray:
        """The points that :meth:`place` shows there."""
        points = seen.copy()
        points[..., :2] *= ((self.distance - seen[..., 2]) / self.distance)[..., None]
        return np.asarray(points @ self.axes() + [0.0, 0.0, AIM])

    def bulge(self, centres: np.ndarray, shapes: np.ndarray) -> np.ndarray:
        """Shapes ``[t, n, 3, 3]`` of ellipsoids along right, down and towards the camera, the first two
        enlarged as in the image."""
        axes = self.axes()
        nearer = (centres - [0.0, 0.0, AIM]) @ axes[2]
        scale = np.ones((*nearer.shape, 3))
        scale[..., :2] = (self.distance / (self.distance - nearer))[..., None]
        return np.asarray(axes @ shapes @ axes.T * scale[..., None] * scale[..., None, :])
