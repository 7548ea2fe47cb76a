"""Transforms of pictures: the normalisation of ImageNet, the order of axes, and ratios from sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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


class Rearrange(Transform):
    """Bring the axes of frames into another order, such as pictures that end with their colours.

    Args:
        source: the axes as they are, ``T H W C``; the first one is time.
        destination: the same axes as they shall be, ``T C H W``.
    """

    def __init__(self, source: str, destination: str) -> None:
        before, after = source.split(), destination.split()
        if len(set(before)) != len(before) or sorted(before) != sorted(after) or before[:1] != after[:1]:
            raise ConfigError(
                f"source is {source!r} and destination {destination!r}, expected the same axes, each once, "
                "time first",
                where="Rearrange",
                hint='for example source: "T H W C" and destination: "T C H W"',
            )
        self.order = tuple(before.index(axis) for axis in after)

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if sequence.ndim != len(self.order):
            raise DataError(
                f"frames have shape {list(sequence.shape[1:])}, expected {len(self.order) - 1} axes",
                where="Rearrange",
                hint="choose the pictures with data_cfg.data_in_use",
            )
        return np.ascontiguousarray(sequence.transpose(self.order))

    def becomes(self, stream: Stream) -> Stream | None:
        """Frames whose axes have changed places."""
        if len(stream.shape) != len(self.order) - 1:
            raise ConfigError(
                f"frames of {stream.name} have {len(stream.shape)} axes, expected {len(self.order) - 1}",
                where="Rearrange",
            )
        return stream.changed(shape=tuple(stream.shape[place - 1] for place in self.order[1:]))

    def example_stream(self) -> Stream | None:
        return Stream("rgb", ("h", "w", 3), "uint8", 0, 255)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Colours from the end to the beginning."""
        return {"source": "T H W C", "destination": "T C H W"}


class RatioHW(Transform):
    """Width divided by height, from heights and widths ``[t, 2]``."""

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if sequence.ndim != 2 or sequence.shape[1] != 2 or (sequence <= 0).any():
            raise DataError(
                f"an input has shape {list(sequence.shape)}, expected a height and a width above 0 "
                "for each frame",
                where="RatioHW",
                hint="choose the sizes of the boxes with data_cfg.data_in_use",
            )
        return np.asarray(sequence[:, 1] / sequence[:, 0], np.float32)

    def becomes(self, stream: Stream) -> Stream | None:
        """A number for each frame."""
        if tuple(stream.shape) != (2,):
            raise ConfigError(
                f"frames of {stream.name} are {list(stream.shape)}, expected heights and widths [2]",
                where="RatioHW",
                hint="leave the transform out where the data hold ratios: {type: NoOperation}",
            )
        return stream.changed(shape=(), dtype="float32", low=0, high=None)

    def example_stream(self) -> Stream | None:
        return Stream("ratios", (2,), "int64", 1, 200)
