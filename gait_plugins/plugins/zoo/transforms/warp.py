"""Transforms that rotate and warp, perspective or affine: one matrix for all frames of a sequence."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from gait_plugins.api import Stream, WithProbability
from gait_plugins.api.options import number_within
from gait_plugins.errors import ConfigError, DataError

_MOST = 128  # channels of an image, where OpenCV admits the fewest
_LANES = 16  # multiples are far faster; and with fewer than five OpenCV rounds in another way

Warp = Callable[[np.ndarray], np.ndarray]


class _Warp(WithProbability):
    """Moves pixels, blended or whole."""

    def __init__(self, prob: float, labels: bool | None) -> None:
        super().__init__(prob)
        self.labels = labels

    def becomes(self, stream: Stream) -> Stream | None:
        """Frames of the same kind. Raises ``ConfigError`` for labels that may be blended."""
        if stream.name == "parsing" and self.labels is None:
            raise ConfigError(
                "the labels of the stream 'parsing' would be blended: between 2 and 10 lies 6, another part",
                where=type(self).__name__,
                hint="set labels: true, which moves them whole; labels: false blends them, as published",
            )
        return stream


class RandomRotate(_Warp):
    """Rotate the sequence by one random angle; pixels from outside are black.

    The published rotation turns about the point (x, y) = (h // 2, w // 2): height and width are
    swapped there, so that 64x44 frames turn about a point right of and above their centre. It is
    kept by default, as every published result was trained with it.

    Args:
        prob: probability of acting on a sequence.
        degree: the angle is uniform in [-degree, degree].
        about_centre: turn about the true centre of the frame instead.
        labels: pixels are labels, and are moved whole in place of blended; must be said of parsing.
    """

    def __init__(
        self, prob: float = 0.5, degree: float = 10, about_centre: bool = False, labels: bool | None = None
    ) -> None:
        super().__init__(prob, labels)
        self.degree = number_within("RandomRotate", "degree", degree, 0, 360)
        self.about_centre = about_centre

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = sequence.shape[-2:]
        angle = float(rng.uniform(-self.degree, self.degree))
        centre = (height // 2, width // 2)
        if self.about_centre:
            centre = ((width - 1) / 2, (height - 1) / 2)
        return warp_affine(sequence, cv2.getRotationMatrix2D(centre, angle, 1), bool(self.labels))


class RandomPerspective(_Warp):
    """Warp the sequence to a random trapezium: its corners move inwards along top and bottom edge.

    Each corner moves by a whole number of pixels, uniform in [0, margin) on the left and in
    (0, margin] on the right, with a margin of 10 for every full 44 pixels of width.

    Args:
        prob: probability of acting on a sequence.
        labels: pixels are labels, and are moved whole in place of blended; must be said of parsing.
    """

    def __init__(self, prob: float = 0.5, labels: bool | None = None) -> None:
        super().__init__(prob, labels)

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = sequence.shape[-2:]
        margin = width // 44 * 10
        if margin == 0:
            raise _too_small("RandomPerspective", height, width, "44 pixels wide")
        top_left, bottom_left = rng.integers(0, margin, 2)
        top_right, bottom_right = rng.integers(width - margin, width, 2)
        seen = [[top_left, 0], [top_right, 0], [bottom_right, height], [bottom_left, height]]
        frame = [[0, 0], [width, 0], [width, height], [0, height]]
        matrix = cv2.getPerspectiveTransform(np.array(seen, np.float32), np.array(frame, np.float32))
        return warp_perspective(sequence, matrix, bool(self.labels))


class RandomAffine(_Warp):
    """Shift, shear and scale the sequence by moving three of its corners at random.

    Both ends of the map are drawn: three points up to ``h // 64 * 10`` pixels away from three corners,
    and where they go. As published, the corners are those of a frame of height w and width h.

    Args:
        prob: probability of acting on a sequence.
        degree: part of the published signature; the published map does not depend on it.
        labels: pixels are labels, and are moved whole in place of blended; must be said of parsing.
    """

    def __init__(self, prob: float = 0.5, degree: float = 10, labels: bool | None = None) -> None:
        super().__init__(prob, labels)
        self.degree = degree

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = sequence.shape[-2:]
        shift = height // 64 * 10
        if shift == 0:
            raise _too_small("RandomAffine", height, width, "64 pixels high")
        corners = np.array([[0, 0], [height, 0], [0, width]])
        inwards = np.array([[1, 1], [-1, 1], [1, -1]])
        before, after = (corners + inwards * rng.integers(0, shift, (2, 3, 2))).astype(np.float32)
        return warp_affine(sequence, cv2.getAffineTransform(before, after), bool(self.labels))


def warp_affine(sequence: np.ndarray, matrix: np.ndarray, labels: bool = False) -> np.ndarray:
    """Move every frame of ``[t, h, w]`` or ``[t, c, h, w]`` by one 2x3 matrix, zeros outside.

    Bilinear; for labels the value of the nearest pixel.
    """
    size, flags = (sequence.shape[-1], sequence.shape[-2]), _interpolation(labels)
    return all_frames(sequence, lambda image: cv2.warpAffine(image, matrix, size, flags=flags))


def warp_perspective(sequence: np.ndarray, matrix: np.ndarray, labels: bool = False) -> np.ndarray:
    """Like :func:`warp_affine`, by a 3x3 homography."""
    size, flags = (sequence.shape[-1], sequence.shape[-2]), _interpolation(labels)
    return all_frames(sequence, lambda image: cv2.warpPerspective(image, matrix, size, flags=flags))


def _interpolation(labels: bool) -> int:
    return cv2.INTER_NEAREST if labels else cv2.INTER_LINEAR


def all_frames(sequence: np.ndarray, warp: Warp) -> np.ndarray:
    """Change frames as the channels of one image, so that coordinates and weights are found only once."""
    height, width = sequence.shape[-2:]
    images = sequence.reshape(-1, height, width)
    count = len(images)
    stacked = np.zeros((count + -count % _LANES, height, width), sequence.dtype)
    stacked[:count] = images
    flat = stacked.reshape(len(stacked), -1)
    for start in range(0, len(flat), _MOST):
        part = flat[start : start + _MOST]
        moved = warp(cv2.transpose(part).reshape(height, width, len(part)))
        cv2.transpose(moved.reshape(height * width, len(part)), part)
    return stacked[:count].reshape(sequence.shape)


def _too_small(owner: str, height: int, width: int, needed: str) -> DataError:
    return DataError(
        f"frames of {height}x{width} are too small to move their corners, expected at least {needed}",
        where=owner,
        hint=f"leave {owner} out of the transforms, or use larger silhouettes",
    )
