"""Transforms that rotate and warp, perspective or affine: one matrix for all frames of a sequence."""

from __future__ import annotations

from abc import abstractmethod

import cv2
import numpy as np

from gait_plugins.api import Stream, WithProbability
from gait_plugins.api.options import number_within
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.transforms.lanes import Clip, Lanes


class _Warp(WithProbability):
    """Moves pixels, blended or whole."""

    def __init__(self, prob: float, labels: bool | None) -> None:
        super().__init__(prob)
        self.labels = labels

    @abstractmethod
    def draw(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """The map of frames of this size: 2x3, affine, or 3x3, a homography."""

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = sequence.shape[-2:]
        return _warped(sequence, self.draw(height, width, rng), bool(self.labels))

    def in_lanes(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """As a call, of frames that may be in lanes already, and stay there."""
        if rng.random() >= self.prob:
            return clip
        height, width = clip.shape[-2:]
        matrix = self.draw(height, width, rng)
        lanes = clip if isinstance(clip, Lanes) else Lanes(clip)
        lanes.warp(matrix, bool(self.labels))
        return lanes

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

    def draw(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        angle = float(rng.uniform(-self.degree, self.degree))
        centre: tuple[float, float] = (height // 2, width // 2)
        if self.about_centre:
            centre = ((width - 1) / 2, (height - 1) / 2)
        return np.asarray(cv2.getRotationMatrix2D(centre, angle, 1))


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

    def draw(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        margin = width // 44 * 10
        if margin == 0:
            raise _too_small("RandomPerspective", height, width, "44 pixels wide")
        # One by one: the same numbers as by pairs, which numpy makes arrays for.
        top_left, bottom_left = rng.integers(margin), rng.integers(margin)
        top_right, bottom_right = rng.integers(width - margin, width), rng.integers(width - margin, width)
        seen = [[top_left, 0], [top_right, 0], [bottom_right, height], [bottom_left, height]]
        frame = [[0, 0], [width, 0], [width, height], [0, height]]
        matrix = cv2.getPerspectiveTransform(np.array(seen, np.float32), np.array(frame, np.float32))
        return np.asarray(matrix)


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

    def draw(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        shift = height // 64 * 10
        if shift == 0:
            raise _too_small("RandomAffine", height, width, "64 pixels high")
        corners = np.array([[0, 0], [height, 0], [0, width]])
        inwards = np.array([[1, 1], [-1, 1], [1, -1]])
        before, after = (corners + inwards * rng.integers(0, shift, (2, 3, 2))).astype(np.float32)
        return np.asarray(cv2.getAffineTransform(before, after))


def warp_affine(sequence: np.ndarray, matrix: np.ndarray, labels: bool = False) -> np.ndarray:
    """Move every frame of ``[t, h, w]`` or ``[t, c, h, w]`` by one 2x3 matrix, zeros outside.

    Bilinear; for labels the value of the nearest pixel.
    """
    return _warped(sequence, matrix, labels)


def warp_perspective(sequence: np.ndarray, matrix: np.ndarray, labels: bool = False) -> np.ndarray:
    """Like :func:`warp_affine`, by a 3x3 homography."""
    return _warped(sequence, matrix, labels)


def _warped(sequence: np.ndarray, matrix: np.ndarray, labels: bool) -> np.ndarray:
    lanes = Lanes(sequence)
    lanes.warp(matrix, labels)
    return lanes.frames()


def _too_small(owner: str, height: int, width: int, needed: str) -> DataError:
    return DataError(
        f"frames of {height}x{width} are too small to move their corners, expected at least {needed}",
        where=owner,
        hint=f"leave {owner} out of the transforms, or use larger silhouettes",
    )
