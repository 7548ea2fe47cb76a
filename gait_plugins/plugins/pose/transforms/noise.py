"""Transforms that move joints by chance: each point, each joint of a walk, or the whole walk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.pose.transforms.joints import OfJoints

_WIDEST = 1e6


class PointNoise(OfJoints):
    """Add Gaussian noise to x and y of every joint of every frame.

    Args:
        std: standard deviation, in the unit of the coordinates.
        published: parity with OpenGait: the confidence gets noise of the same size too, which takes it
            beyond 0 and 1.
    """

    def __init__(self, std: float = 0.01, published: bool = False) -> None:
        super().__init__()
        self.std = number_within("PointNoise", "std", std, 0, _WIDEST)
        self.published = published

    def changed(self, joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.published:
            return joints + rng.normal(0, self.std, joints.shape).astype(np.float32)
        out = joints.copy()
        out[..., :2] += rng.normal(0, self.std, (*joints.shape[:2], 2)).astype(np.float32)
        return out


class JointNoise(OfJoints):
    """Shift x and y of each joint by Gaussian noise that is the same in all frames.

    Args:
        std: standard deviation, in the unit of the coordinates.
    """

    def __init__(self, std: float = 0.25) -> None:
        super().__init__()
        self.std = number_within("JointNoise", "std", std, 0, _WIDEST)

    def changed(self, joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out = joints.copy()
        out[..., :2] += rng.normal(0, self.std, (joints.shape[1], 2)).astype(np.float32)
        return out


class RandomMove(OfJoints):
    """Shift the whole walk by one draw.

    Args:
        random_r: largest shift in x and in y, in the unit of the coordinates; uniform to either side.
    """

    published_in_place = True

    def __init__(self, random_r: Sequence[float] = (4, 1)) -> None:
        super().__init__()
        if len(random_r) != 2:
            raise ConfigError(
                f"random_r of RandomMove is {list(random_r)}, expected the largest shift in x and in y",
                where="RandomMove",
            )
        self.random_r = [number_within("RandomMove", "random_r", r, 0, _WIDEST) for r in random_r]

    def changed(self, joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out = joints.copy()
        out[..., :2] += np.array([rng.uniform(-r, r) for r in self.random_r], joints.dtype)
        return out
