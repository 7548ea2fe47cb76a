"""Random rectangles, as random erasing draws them (Zhong et al., AAAI 2020)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.rle.augment.pixels import Images

ATTEMPTS = 100
"""Rectangles that are tried at most, those that do not fit included."""


class Rectangle(NamedTuple):
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, images: Images) -> Images:
        """The part of ``[..., h, w]``, as a view."""
        rows = slice(self.top, self.top + self.height)
        return images[..., rows, self.left : self.left + self.width]

    def within(self, other: Rectangle) -> Rectangle | None:
        """What it shares with another, in the other's own coordinates; None where they do not meet."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        height = min(self.top + self.height, other.top + other.height) - top
        width = min(self.left + self.width, other.left + other.width) - left
        if height <= 0 or width <= 0:
            return None
        return Rectangle(top - other.top, left - other.left, height, width)


class RectangleRule:
    """Area and aspect ratio uniform in their ranges, and a uniform place.

    Args:
        owner: the augmenter, for messages.
        sl: smallest area, as a share of the image.
        sh: largest area.
        r1: smallest ratio of height to width, in (0, 1]; the largest is its inverse.
    """

    def __init__(self, owner: str, sl: float, sh: float, r1: float) -> None:
        self.sl = number_within(owner, "sl", sl, 0, 1)
        self.sh = number_within(owner, "sh", sh, 0, 1)
        if self.sl > self.sh:
            raise ConfigError(f"sl {sl} is above sh {sh}, expected sl <= sh", where=owner)
        self.r1 = number_within(owner, "r1", r1, 1e-3, 1)

    def draw(self, height: int, width: int, rng: np.random.Generator) -> Rectangle | None:
        """A rectangle within an image, or None where the drawn one is as high or wide as the image."""
        area = rng.uniform(self.sl, self.sh) * height * width
        aspect = rng.uniform(self.r1, 1 / self.r1)
        high, wide = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if high >= height or wide >= width or not high or not wide:
            return None
        top = int(rng.integers(0, height - high, endpoint=True))
        left = int(rng.integers(0, width - wide, endpoint=True))
        return Rectangle(top, left, high, wide)
