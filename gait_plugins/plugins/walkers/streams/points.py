"""Points: what a laser scanner beside the camera measures of the walker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gait_plugins.io.ragged import Ragged
from gait_plugins.plugins.walkers.image.camera import AIM, Camera
from gait_plugins.plugins.walkers.image.render import outlines
from gait_plugins.plugins.walkers.image.surface import surface
from gait_plugins.plugins.walkers.streams.scene import SCANS, Shot

BESIDE = 1.2
"""Degrees by which the scanner stands to the right of the camera."""
ANGLE = np.deg2rad(0.2)
"""Between two rays, across and down."""
ERROR = 0.012
"""Spread of a measured distance, metres."""
LOSS = 0.05
"""Part of the rays that do not come back."""


def points(shot: Shot) -> Ragged:
    """The rays that the body throws back, turn by turn: x, y, z in metres, float32 ``[m, 3]`` a turn.

    The scanner is the origin, z points up, and the walker passes where x is negative.
    """
    scene = shot.scene
    rng, level = scene.rng("points", shot.view), scene.noise
    seen = scans_of(shot)
    times = np.arange(len(seen)) / SCANS
    frames = []
    for turn, time in zip(seen, times, strict=True):
        kept = rng.random(len(turn)) >= LOSS * level
        kept[0] |= not kept.any()
        cloud = to_scanner(turn[kept], scanner(shot), scene.stature)
        distance = np.linalg.norm(cloud, axis=1, keepdims=True)
        blur = np.clip(rng.normal(size=distance.shape), -2.5, 2.5)
        cloud *= 1 + ERROR * level * blur / distance
        frames.append(turned(cloud, -float(shot.passing(time)) / scanner(shot).distance).astype(np.float32))
    return Ragged.of(frames)


def scanner(shot: Shot) -> Camera:
    """The scanner, as a camera."""
    return replace(shot.camera, azimuth=shot.camera.azimuth - BESIDE)


def scans_of(shot: Shot) -> list[np.ndarray]:
    """Where the rays of each turn meet the body, along the walker's axes, statures ``[m, 3]``."""
    walked, eye = shot.scene.scanned, scanner(shot)
    polygons = outlines(*eye.project(walked.centres, walked.shapes), walked.hulls)
    placed, bulges = eye.place(walked.centres), eye.bulge(walked.centres, walked.shapes)
    front = surface(polygons, placed, bulges, walked.hulls, 1 / (ANGLE * eye.distance))
    hit = front.seen().astype(np.float64)
    return [eye.lift(turn[body]) for turn, body in zip(hit, front.mask, strict=True)]


def to_scanner(places: np.ndarray, eye: Camera, stature: float) -> np.ndarray:
    """Places along the walker's axes (statures) from the scanner, metres ``[m, 3]``."""
    back = np.deg2rad(eye.azimuth)
    outward, right = np.array([np.cos(back), np.sin(back), 0.0]), eye.axes()[0]
    own = places - [0.0, 0.0, AIM] - eye.distance * eye.axes()[2]
    return np.asarray(own @ np.stack([outward, right, [0.0, 0.0, 1.0]]).T * stature)


def from_scanner(cloud: np.ndarray, eye: Camera, stature: float) -> np.ndarray:
    """The other way round."""
    back = np.deg2rad(eye.azimuth)
    outward, right = np.array([np.cos(back), np.sin(back), 0.0]), eye.axes()[0]
    own = cloud / stature @ np.stack([outward, right, [0.0, 0.0, 1.0]])
    return np.asarray(own + [0.0, 0.0, AIM] + eye.distance * eye.axes()[2])


def turned(cloud: np.ndarray, angle: float) -> np.ndarray:
    """A cloud turned about the scanner's upright axis."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(cloud @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]))
