"""Sampling of points: from clouds of unequal sizes to equally many points of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from gait_plugins.api import Ragged, Stream, Transform
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.clouds.transforms.frames import cloud_example, require_clouds


class SamplePoints(Transform):
    """Draw equally many points of every cloud, ``[t, points_num, c]``; a point may come more than once.

    Points are drawn with replacement from large clouds too, as published weights have learnt them. In a test
    each cloud has a draw of its own that no seed changes.

    Args:
        points_num: points of each frame.
        random_at_test: parity with OpenGait: at random in a test too.
    """

    def __init__(self, points_num: int, random_at_test: bool = False) -> None:
        if isinstance(points_num, bool) or points_num < 1:
            raise ConfigError(
                f"points_num of SamplePoints is {points_num!r}, expected a whole number of at least 1",
                where="SamplePoints",
            )
        self.points_num = points_num
        self.random_at_test = random_at_test

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"points_num": 8}

    def __call__(self, sequence: np.ndarray | Ragged, rng: np.random.Generator) -> np.ndarray:
        clouds = require_clouds("SamplePoints", sequence)
        return self.picked(clouds, rng.random((len(clouds), self.points_num)))

    def picked(self, clouds: Ragged, draws: np.ndarray) -> np.ndarray:
        """The points that numbers in [0, 1) ``[t, points_num]`` point at."""
        places = clouds.offsets[:-1, None] + np.floor(draws * clouds.sizes[:, None]).astype(np.int64)
        return np.asarray(clouds.values[places])

    def at_test(self) -> Transform:
        """A draw for each size of a cloud."""
        return self if self.random_at_test else _FixedPoints(self.points_num)

    def becomes(self, stream: Stream) -> Stream | None:
        """Clouds of one size."""
        if len(stream.shape) != 2:
            raise ConfigError(
                f"SamplePoints takes clouds [m, columns], the stream {stream.name!r} has frames "
                f"{stream.described}",
                where="SamplePoints",
                hint="points_in_use.pointcloud_index, or transform, says which stream holds the clouds",
            )
        return stream.changed(shape=(self.points_num, stream.shape[1]))

    def example_stream(self) -> Stream:
        return cloud_example()


class _FixedPoints(SamplePoints):
    """The same draw for every cloud of a size, whatever else there is in the sequence."""

    def __call__(self, sequence: np.ndarray | Ragged, rng: np.random.Generator) -> np.ndarray:
        clouds = require_clouds("SamplePoints", sequence)
        draws = [np.random.default_rng(int(size)).random(self.points_num) for size in clouds.sizes]
        return self.picked(clouds, np.stack(draws))
