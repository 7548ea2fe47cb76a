"""SimCLR's augmentations for silhouettes: resized crops and blur."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from gait_plugins.api import WithProbability
from gait_plugins.api.options import range_within
from gait_plugins.errors import ConfigError

_ATTEMPTS = 10
_MOST = 128
"""Channels that OpenCV takes in one image."""


class RandomResizedCrop(WithProbability):
    """Cut a random rectangle out of all frames and bring it back to their size.

    Area and aspect ratio are drawn as usual in image recognition; where ten rectangles do not fit the
    frame, the largest central one of an allowed ratio is taken.

    Args:
        scale: smallest and largest share of the frame's area.
        ratio: smallest and largest width of the rectangle over its height.
        prob: probability of acting on a sequence.
    """

    def __init__(
        self,
        scale: tuple[float, float] = (0.5, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob)
        self.scale = range_within("RandomResizedCrop", "scale", scale, 1e-3, 1)
        self.ratio = range_within("RandomResizedCrop", "ratio", ratio, 1e-3, 1e3)

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = sequence.shape[-2:]
        top, left, high, wide = self._rectangle(height, width, rng)
        cut = sequence[..., top : top + high, left : left + wide]
        return _each_image(
            cut,
            (height, width),
            lambda image: cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR),
        )

    def _rectangle(self, height: int, width: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        """Top, left, height and width in pixels."""
        low, high = (math.log(bound) for bound in self.ratio)
        for _ in range(_ATTEMPTS):
            area = rng.uniform(*self.scale) * height * width
            ratio = math.exp(rng.uniform(low, high))
            wide, tall = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < wide <= width and 0 < tall <= height:
                top = int(rng.integers(0, height - tall, endpoint=True))
                return top, int(rng.integers(0, width - wide, endpoint=True)), tall, wide
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        wide, tall = min(width, round(height * ratio)), min(height, round(width / ratio))
        return (height - tall) // 2, (width - wide) // 2, tall, wide


class RandomGaussianBlur(WithProbability):
    """Blur all frames by one Gaussian.

    Args:
        prob: probability of acting on a sequence.
        kernel_size: pixels of the window, odd.
        sigma: smallest and largest standard deviation in pixels.
    """

    def __init__(
        self, prob: float = 0.3, kernel_size: int = 3, sigma: tuple[float, float] = (0.1, 2.0)
    ) -> None:
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ConfigError(
                f"kernel_size is {kernel_size}, expected an odd number of at least 1",
                where="RandomGaussianBlur",
            )
        super().__init__(prob)
        self.kernel_size = kernel_size
        self.sigma = range_within("RandomGaussianBlur", "sigma", sigma, 1e-3, 1e3)

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        sigma = rng.uniform(*self.sigma)
        window = (self.kernel_size, self.kernel_size)
        return _each_image(
            sequence, sequence.shape[-2:], lambda image: cv2.GaussianBlur(image, window, sigma)
        )


def _each_image(
    sequence: np.ndarray, size: tuple[int, ...], change: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Change all frames at once, as channels of images; they come back as ``size``."""
    images = sequence.reshape(-1, *sequence.shape[-2:])
    changed = np.empty((len(images), *size), sequence.dtype)
    for start in range(0, len(images), _MOST):
        part = images[start : start + _MOST]
        moved = change(np.ascontiguousarray(part.transpose(1, 2, 0)))
        changed[start : start + _MOST] = moved.reshape(*size, len(part)).transpose(2, 0, 1)
    return changed.reshape(*sequence.shape[:-2], *size)
