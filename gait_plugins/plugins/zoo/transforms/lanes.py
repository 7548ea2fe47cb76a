"""Lanes: frames of a clip as the channels of one image, so that OpenCV moves all of them in one call.

Coordinates and weights of a warp are then found once for a clip instead of once for each frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

_MOST = 128  # channels of an image, where OpenCV admits the fewest
_LANES = 16  # multiples are far faster; and with fewer than five OpenCV rounds in another way
_APART = 64  # bytes between rows that would otherwise share lines of the cache, as those of a power of two do
_UP = 2.0**-12  # less than the 2 ** -10 between blended values, so that of all of them halves alone go up


class Lanes:
    """A clip on its way through several transforms; each changes it in place.

    Args:
        frames: ``[t, h, w]`` or ``[t, c, h, w]``; they are copied.
    """

    __slots__ = ("images", "shape")

    images: list[np.ndarray]
    """``[h, w, lanes]``, of at most 128 lanes each; those behind the last frame round their number up."""
    shape: tuple[int, ...]
    """That of the frames."""

    def __init__(self, frames: np.ndarray) -> None:
        self.shape = frames.shape
        self.images = []
        height, width = frames.shape[-2:]
        single = frames.reshape(-1, height, width)
        for start in range(0, max(len(single), 1), _MOST):
            part = single[start : start + _MOST]
            count = len(part)
            lanes = max(count + -count % _LANES, _LANES)
            if lanes == count and part.strides[0] % 1024:
                rows = part.reshape(count, height * width)
            else:
                rows = np.empty((lanes, height * width + _APART), frames.dtype)[:, : height * width]
                rows[:count].reshape(part.shape)[:] = part
                rows[count:] = 0
            self.images.append(np.asarray(cv2.transpose(rows)).reshape(height, width, lanes))

    def frames(self) -> np.ndarray:
        """The clip as frames again, contiguous."""
        pixels = math.prod(self.shape[-2:])
        out = np.empty((math.prod(self.shape[:-2]), pixels), self.images[0].dtype)
        for number, image in enumerate(self.images):
            part, lanes = out[number * _MOST : (number + 1) * _MOST], image.shape[2]
            flat = np.ascontiguousarray(image).reshape(pixels, lanes)
            if len(part) == lanes and out.strides[0] % 1024:
                cv2.transpose(flat, part)
            else:
                rows = np.empty((lanes, pixels + _APART), out.dtype)[:, :pixels]
                cv2.transpose(flat, rows)
                part[:] = rows[: len(part)]
        return out.reshape(self.shape)

    def change(self, change: Callable[[np.ndarray], np.ndarray]) -> None:
        """Put in place of each image what a function makes of it; height, width and lanes stay."""
        self.images = [change(np.ascontiguousarray(image)) for image in self.images]

    def warp(self, matrix: np.ndarray, labels: bool) -> None:
        """Move all frames by one matrix, zeros outside.

        Bytes are blended by way of float32: the same values to the bit, in two thirds of the time. OpenCV
        weighs the pixels of bytes by multiples of 1/1024, and rounds halves up. In float32 the sum of four
        such products is exact, and the loop over many channels is twice as fast.

        Args:
            matrix: 2x3, affine, or 3x3, a homography.
            labels: take the value of the nearest pixel, instead of blending four.
        """
        move = cv2.warpAffine if len(matrix) == 2 else cv2.warpPerspective
        flags = cv2.INTER_NEAREST if labels else cv2.INTER_LINEAR
        size = (self.shape[-1], self.shape[-2])
        for number, image in enumerate(self.images):
            if labels or image.dtype != np.uint8:
                moved = move(np.ascontiguousarray(image), matrix, size, flags=flags)
            else:
                exact = move(image.astype(np.float32, order="C"), matrix, size, flags=flags)
                # As one wide image: most functions of OpenCV take four channels at most.
                wide = cv2.convertScaleAbs(exact.reshape(len(exact), -1), alpha=1, beta=_UP)
                moved = np.asarray(wide).reshape(exact.shape)
            self.images[number] = moved

    def cut(self, kept: slice) -> None:
        """Keep some columns of every frame."""
        self.images = [image[:, kept] for image in self.images]
        self.shape = (*self.shape[:-1], self.images[0].shape[1])

    def mirror(self) -> None:
        """Turn every frame left to right."""
        self.images = [np.asarray(cv2.flip(image, 1)) for image in self.images]


Clip = np.ndarray | Lanes
"""A clip in either form."""


def frames_of(clip: Clip) -> np.ndarray:
    """A clip as frames."""
    return clip.frames() if isinstance(clip, Lanes) else clip
