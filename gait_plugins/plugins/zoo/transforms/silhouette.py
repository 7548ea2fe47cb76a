"""Transforms that scale, reshape and cut the empty margins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from gait_plugins.api import Stream, Transform
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.transforms.lanes import Clip, Lanes, frames_of


class BaseSilTransform(Transform):
    """Scale silhouettes to [0, 1], and reshape the frames where asked.

    Args:
        divsor: divisor of the frames, applied on the device.
        img_shape: shape of one frame, ``[h, w]`` or ``[c, h, w]``; frames of the same number of values
            are reshaped to it. None leaves them as they are.
    """

    def __init__(self, divsor: float = 255.0, img_shape: Sequence[int] | None = None) -> None:
        self.divisor = _checked_divisor(type(self).__name__, divsor)
        self.img_shape = None if img_shape is None else tuple(int(size) for size in img_shape)

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.img_shape is None:
            return sequence
        if math.prod(sequence.shape[1:]) != math.prod(self.img_shape):
            raise DataError(
                f"frames of shape {list(sequence.shape[1:])} cannot be reshaped to {list(self.img_shape)}",
                where="BaseSilTransform",
                hint="set img_shape to the size of the frames, or leave it out",
            )
        return sequence.reshape(len(sequence), *self.img_shape)

    def in_lanes(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """As a call, of frames that may be in lanes already; they stay there unless they are reshaped."""
        return clip if self.img_shape is None else self(frames_of(clip), rng)

    def becomes(self, stream: Stream) -> Stream | None:
        """The same frames, or those of ``img_shape``."""
        _require_range("BaseSilTransform", stream, self.divisor)
        return stream if self.img_shape is None else stream.changed(shape=self.img_shape)


class BaseSilCuttingTransform(Transform):
    """Scale silhouettes to [0, 1] and cut the empty margins left and right, never twice.

    Only frames as wide as high are cut: 64x64 to 64x44, 128x128 to 128x88. Frames narrower than high
    (64x44, 128x88) have been cut before and stay as they are, whatever ``cutting`` says.

    Args:
        divsor: divisor of the frames, applied on the device.
        cutting: pixels to cut on either side. None cuts 10 for every full 64 pixels of width.
    """

    ignored_options: ClassVar[Mapping[str, str]] = {
        "img_w": "the width follows from the frames; 'cutting' sets how many pixels are cut"
    }

    def __init__(self, divsor: float = 255.0, cutting: int | None = None) -> None:
        self.divisor = _checked_divisor(type(self).__name__, divsor)
        if cutting is not None and cutting < 0:
            raise ConfigError(
                f"cutting is {cutting}, expected pixels >= 0 on either side", where="BaseSilCuttingTransform"
            )
        self.cutting = cutting

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return sequence[..., self._kept(*sequence.shape[-2:])]

    def in_lanes(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """As a call, of frames that may be in lanes already, and stay there."""
        kept = self._kept(*clip.shape[-2:])
        if not isinstance(clip, Lanes):
            return clip[..., kept]
        clip.cut(kept)
        return clip

    def _kept(self, height: int, width: int) -> slice:
        """Columns that are left of frames of this size."""
        if width < height:
            return slice(None)
        margin = width // 64 * 10 if self.cutting is None else self.cutting
        if 2 * margin >= width:
            raise DataError(
                f"cutting {margin} pixels on either side leaves nothing of frames of {height}x{width}",
                where="BaseSilCuttingTransform",
                hint=f"choose cutting below {(width + 1) // 2}",
            )
        return slice(margin, width - margin)

    def becomes(self, stream: Stream) -> Stream | None:
        """Narrower frames, where the size is known; what the data decide, they go on deciding."""
        _require_range("BaseSilCuttingTransform", stream, self.divisor)
        *rest, height, width = stream.shape if len(stream.shape) > 1 else (None, None)
        if not isinstance(height, int) or not isinstance(width, int) or width < height:
            return stream
        margin = width // 64 * 10 if self.cutting is None else self.cutting
        return stream.changed(shape=(*rest, height, max(width - 2 * margin, 1)))


def _require_range(owner: str, stream: Stream, divisor: float) -> None:
    """Refuse labels of a few numbers that would be divided as grey values are: hardly anything were left."""
    if stream.high is not None and 1 < stream.high < divisor / 2 and stream.dtype == "uint8":
        raise ConfigError(
            f"the stream {stream.name!r} has values up to {stream.high:g}, and is divided by {divisor:g}",
            where=owner,
            hint=f"set divsor: {stream.high:g} for values in [0, 1], or divsor: 1 for the values themselves",
        )


def _checked_divisor(owner: str, divsor: float) -> float:
    if not divsor > 0:
        raise ConfigError(f"divsor of {owner} is {divsor!r}, expected a number above 0", where=owner)
    return float(divsor)
