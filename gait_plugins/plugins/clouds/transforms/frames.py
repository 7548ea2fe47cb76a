"""Frames of point clouds, ragged or of one size, as the transforms take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gait_plugins.api import Ragged, Stream
from gait_plugins.errors import DataError


def require_clouds(owner: str, frames: np.ndarray | Ragged) -> Ragged:
    """Frames as ragged ones.

    Raises:
        DataError: they are no clouds of x, y, z, or one is empty.
    """
    if isinstance(frames, np.ndarray) and frames.ndim == 3:
        offsets = np.arange(len(frames) + 1) * frames.shape[1]
        frames = Ragged(frames.reshape(-1, frames.shape[2]), offsets)
    if not isinstance(frames, Ragged) or frames.values.ndim != 2 or frames.values.shape[1] < 3:
        shape = list((frames.values if isinstance(frames, Ragged) else frames).shape[1:])
        raise DataError(
            f"{owner} takes clouds of x, y, z [m, 3 or more], found frames of shape {shape}",
            hint="data_cfg.data_in_use chooses the file of the clouds",
        )
    if not len(frames) or not frames.sizes.all():
        raise DataError(
            f"{owner} takes clouds of at least one point, found an empty one",
            hint="leave out the frames in which nobody was seen, in every stream of the sequence",
        )
    return frames


def like(given: np.ndarray | Ragged, clouds: Ragged) -> Any:
    """Changed clouds in the form that they were given in."""
    if isinstance(given, Ragged):
        return clouds
    return clouds.values.reshape(*given.shape[:2], -1)


def cloud_example() -> Stream:
    """Clouds that a transform can be tried on."""
    return Stream("points", (None, 3), "float32")
