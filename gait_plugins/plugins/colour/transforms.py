"""Transforms of pictures: the normalisation of ImageNet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gait_plugins.api import Stream, Transform
from gait_plugins.errors import ConfigError, DataError

MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)


class BaseRgbTransform(Transform):
    """Normalise pictures 0..255 ``[t, 3, h, w]`` by the mean and the deviation of each channel.

    Args:
        mean: of red, green and blue; ImageNet's by default.
        std: their deviations.
    """

    def __init__(self, mean: Sequence[float] | None = None, std: Sequence[float] | None = None) -> None:
        self.mean, self.std = tuple(mean or MEAN), tuple(std or STD)
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ConfigError(
                f"mean is {list(self.mean)} and std is {list(self.std)}, expected three numbers each, and "
                "deviations above 0",
                where="BaseRgbTransform",
            )

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if sequence.ndim != 4 or sequence.shape[1] != 3:
            raise DataError(
                f"frames have shape {list(sequence.shape[1:])}, expected pictures [3, h, w]",
                where="BaseRgbTransform",
                hint="choose the pictures with data_cfg.data_in_use",
            )
        if sequence.dtype == np.uint8:
            levels = np.arange(256, dtype=np.float64)
            tables = [self._scaled(levels, channel) for channel in range(3)]
            return np.stack([table[sequence[:, channel]] for channel, table in enumerate(tables)], 1)
        return np.stack([self._scaled(sequence[:, channel], channel) for channel in range(3)], 1)

    def becomes(self, stream: Stream) -> Stream | None:
        """The same pictures as floating-point numbers of any range."""
        return stream.changed(dtype="float32", low=None, high=None)

    def example_stream(self) -> Stream | None:
        return Stream("rgb", (3, "h", "w"), "uint8", 0, 255)

    def _scaled(self, values: np.ndarray, channel: int) -> np.ndarray:
        return ((values - self.mean[channel]) / self.std[channel]).astype(np.float32)
