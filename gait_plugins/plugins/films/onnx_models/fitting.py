"""Frames fitted to the input of a model, and maps of its output brought back to the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from gait_plugins.api.video.people import Box

Fit = Literal["letterbox", "stretch"]
"""How a frame is brought to the size of the input: with bars at two sides, or each side on its own."""


@dataclass(frozen=True)
class Fitting:
    """The place of a frame in the input of a model.

    Args:
        frame: width and height of the frame.
        size: width and height of the input.
        shown: width and height of the frame in it.
        left: columns of the input before the frame.
        top: rows of the input above it.
    """

    frame: tuple[int, int]
    size: tuple[int, int]
    shown: tuple[int, int]
    left: int
    top: int

    @classmethod
    def of(cls, frame: tuple[int, int], size: tuple[int, int], fit: Fit) -> Fitting:
        """The fitting of frames of a size to inputs of a size, each width and height."""
        if fit == "stretch":
            return cls(frame, size, size, 0, 0)
        scale = min(size[0] / frame[0], size[1] / frame[1])
        shown = max(1, round(frame[0] * scale)), max(1, round(frame[1] * scale))
        return cls(frame, size, shown, (size[0] - shown[0]) // 2, (size[1] - shown[1]) // 2)

    def apply(self, pixels: np.ndarray, padding: int) -> np.ndarray:
        """The input's picture, uint8 ``[h, w, 3]``.

        Args:
            pixels: the frame, uint8 ``[h, w, 3]``.
            padding: grey of the bars.
        """
        smaller = self.shown[0] < self.frame[0]
        shown = cv2.resize(pixels, self.shown, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
        if self.shown == self.size:
            return np.asarray(shown)
        picture = np.full((self.size[1], self.size[0], 3), padding, np.uint8)
        picture[self.top : self.top + self.shown[1], self.left : self.left + self.shown[0]] = shown
        return picture

    def frame_box(self, box: np.ndarray) -> Box | None:
        """A box of the input (left, top, right, bottom) in whole pixels of the frame; None outside of it."""
        if not np.isfinite(box).all():
            return None
        across, down = self.frame[0] / self.shown[0], self.frame[1] / self.shown[1]
        left = max(0, int(np.floor((box[0] - self.left) * across)))
        top = max(0, int(np.floor((box[1] - self.top) * down)))
        right = min(self.frame[0], int(np.ceil((box[2] - self.left) * across)))
        bottom = min(self.frame[1], int(np.ceil((box[3] - self.top) * down)))
        return (left, top, right, bottom) if right > left and bottom > top else None

    def to_frame(self, values: np.ndarray, box: Box, area: np.ndarray | None = None) -> np.ndarray:
        """A box of the frame, of a map that covers the input or an area of it.

        Args:
            values: float32 ``[h, w]``.
            box: in the frame.
            area: left, top, right and bottom in the input that the map covers; None: all of it.

        Returns:
            float32, of the box's size.
        """
        covered = np.array([0, 0, *self.size], float) if area is None else np.asarray(area, float)
        rows, columns = values.shape
        per_column = self.shown[0] / self.frame[0] * columns / (covered[2] - covered[0])
        per_row = self.shown[1] / self.frame[1] * rows / (covered[3] - covered[1])
        # Centres of the frame's pixels, in the map.
        first_column = (self.left - covered[0]) * columns / (covered[2] - covered[0])
        first_row = (self.top - covered[1]) * rows / (covered[3] - covered[1])
        move = np.array(
            [
                [per_column, 0, (box[0] + 0.5) * per_column + first_column - 0.5],
                [0, per_row, (box[1] + 0.5) * per_row + first_row - 0.5],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = box[2] - box[0], box[3] - box[1]
        border = cv2.BORDER_REPLICATE if area is None else cv2.BORDER_CONSTANT
        plain = np.ascontiguousarray(values, np.float32)
        return np.asarray(cv2.warpAffine(plain, move, size, flags=flags, borderMode=border))

    @property
    def whole(self) -> Box:
        """The whole frame."""
        return 0, 0, self.frame[0], self.frame[1]
