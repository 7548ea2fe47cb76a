"""The transform of clouds to what LidarGait++ takes: normalised points, and their heights in metres."""

from __future__ import annotations

from typing import Any

import numpy as np

from gait_plugins.api import Ragged, Stream, Transform
from gait_plugins.api.options import number_within
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.clouds.transforms.frames import cloud_example, like, require_clouds

_SHIFT = 0.1
_JITTER, _FARTHEST = 0.01, 0.05
_SCALES = (0.8, 1.25)
_MOST_DROPPED = 0.875


class PointCloudsTransform(Transform):
    """Centre each cloud and divide it by its largest distance from there; then augment it.

    Each augmentation has one draw for the sequence, whether it acts, in this order. Heights above the lowest
    point of a frame, in metres, come last as they were measured: what flips, shifts or scales a cloud leaves
    the height of the person as it is.

    Args:
        xyz_only: leave out what follows x, y, z.
        scale_aware: append the height of each point.
        drop_prob: probability to drop points: up to 87.5 % of a frame's become its first one.
        shift_prob: probability to shift each point by up to 0.1 in each axis.
        jit_prob: probability to add noise of deviation 0.01, at most 0.05.
        scale_prob: probability to scale each frame by 0.8 to 1.25.
        flip_prob: probability to mirror y.
    """

    def __init__(
        self,
        xyz_only: bool = True,
        scale_aware: bool = False,
        drop_prob: float = 0.0,
        shift_prob: float = 0.0,
        jit_prob: float = 0.0,
        scale_prob: float = 0.0,
        flip_prob: float = 0.0,
    ) -> None:
        self.xyz_only, self.scale_aware = xyz_only, scale_aware
        given = {"flip_prob": flip_prob, "shift_prob": shift_prob, "jit_prob": jit_prob}
        given |= {"scale_prob": scale_prob, "drop_prob": drop_prob}
        self.probabilities = {
            name: number_within("PointCloudsTransform", name, value, 0, 1) for name, value in given.items()
        }

    def __call__(self, sequence: np.ndarray | Ragged, rng: np.random.Generator) -> Any:
        clouds = require_clouds("PointCloudsTransform", sequence)
        points = clouds.values.astype(np.float64)
        points = points[:, :3] if self.xyz_only else points
        first, frame = clouds.offsets[:-1], np.repeat(np.arange(len(clouds)), clouds.sizes)
        heights = points[:, 2] - np.minimum.reduceat(points[:, 2], first)[frame]
        points = _normalised(points, clouds, frame)
        for name, change in _CHANGES.items():
            # The draw comes whether or not it can matter, as in the published code.
            if rng.random() < self.probabilities[name]:
                points = change(points, clouds, frame, rng)
        if self.scale_aware:
            points = np.concatenate([points, heights[:, None]], 1)
        return like(sequence, Ragged(points.astype(np.float32), clouds.offsets))

    def becomes(self, stream: Stream) -> Stream | None:
        """Points of x, y, z and height, as many as before."""
        if len(stream.shape) != 2 or (isinstance(stream.shape[1], int) and stream.shape[1] < 3):
            raise ConfigError(
                f"PointCloudsTransform takes clouds of x, y, z [m, 3], the stream {stream.name!r} has "
                f"frames {stream.described}",
                where="PointCloudsTransform",
                hint="give it the stream of point clouds; data_cfg.data_in_use chooses its file",
            )
        columns = 3 if self.xyz_only else stream.shape[1]
        if not isinstance(columns, int):
            return None
        shape = (stream.shape[0], columns + self.scale_aware)
        return stream.changed(shape=shape, dtype="float32", low=None, high=None)

    def example_stream(self) -> Stream:
        return cloud_example()


def _normalised(points: np.ndarray, clouds: Ragged, frame: np.ndarray) -> np.ndarray:
    first = clouds.offsets[:-1]
    centred = points - (np.add.reduceat(points, first) / clouds.sizes[:, None])[frame]
    farthest = np.maximum.reduceat(np.linalg.norm(centred, axis=1), first)
    # A cloud of one point, or of one place, has no extent.
    return np.asarray(centred / np.where(farthest > 0, farthest, 1.0)[frame, None])


def _flipped(points: np.ndarray, clouds: Ragged, frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(points * np.where(np.arange(points.shape[1]) == 1, -1.0, 1.0))


def _shifted(points: np.ndarray, clouds: Ragged, frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    out = points.copy()
    out[:, :3] += rng.uniform(-_SHIFT, _SHIFT, (len(points), 3))
    return out


def _jittered(points: np.ndarray, clouds: Ragged, frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(points + np.clip(rng.normal(0.0, _JITTER, points.shape), -_FARTHEST, _FARTHEST))


def _scaled(points: np.ndarray, clouds: Ragged, frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(points * rng.uniform(*_SCALES, len(clouds))[frame, None])


def _dropped(points: np.ndarray, clouds: Ragged, frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    share = rng.random((len(clouds), 1))[:, 0] * _MOST_DROPPED
    dropped = rng.random(len(points)) <= share[frame]
    return np.where(dropped[:, None], points[clouds.offsets[:-1]][frame], points)


_CHANGES = {
    "flip_prob": _flipped,
    "shift_prob": _shifted,
    "jit_prob": _jittered,
    "scale_prob": _scaled,
    "drop_prob": _dropped,
}
