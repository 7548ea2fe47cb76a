"""Frames cut to the person, as gait data sets are prepared: full height, centred on the mass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

SIZE = 64


def align(frames: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Cut to the rows that hold the person, resize keeping the ratio, centre where half the mass lies left.

    Args:
        frames: uint8 0/255 ``[t, h, w]``; a frame without a person stays empty.

    Returns:
        uint8 0/255 ``[t, size, size]``; a person touches the first and the last row.
    """
    return centre(binarise(Cut.around(frames, size).apply(frames)), size)


@dataclass(frozen=True)
class Cut:
    """The rows and columns that hold the person in each frame, and their size after scaling."""

    boxes: list[Sequence[int]]
    """Left, top, width and height of each frame's person; height 0 where there is none."""
    columns: list[int]
    """Columns of each after scaling."""
    size: int
    """Rows after scaling."""

    @classmethod
    def around(cls, frames: np.ndarray, size: int = SIZE) -> Cut:
        """The cut of masks ``[t, h, w]``."""
        boxes = [cv2.boundingRect(frame) for frame in frames]
        columns = [min(max(round(w * size / h), 1), 2 * size) if h else 0 for _, _, w, h in boxes]
        return cls(boxes, columns, size)

    def apply(self, maps: np.ndarray, interpolation: int = cv2.INTER_AREA) -> np.ndarray:
        """Maps ``[t, h, w]`` or ``[t, h, w, c]`` cut and scaled, each in the middle of a common width."""
        width = max(self.columns, default=0) or 1
        wide = np.zeros((len(maps), self.size, width, *maps.shape[3:]), maps.dtype)
        for frame, out, (x, y, w, h), count in zip(maps, wide, self.boxes, self.columns, strict=True):
            if h:
                left = (width - count) // 2
                crop = frame[y : y + h, x : x + w]
                out[:, left : left + count] = cv2.resize(
                    crop, (count, self.size), interpolation=interpolation
                )
        return wide


def binarise(frames: np.ndarray) -> np.ndarray:
    """Grey ``[t, h, w]`` to 0/255 at one half; the first and the last row keep their brightest pixels."""
    result = (frames > 127).astype(np.uint8) * np.uint8(255)
    for row in (0, -1):
        edge = frames[:, row]
        result[:, row] = 255 * (edge > np.minimum(127, edge.max(1, keepdims=True) // 2))
    return result


def centre(frames: np.ndarray, size: int) -> np.ndarray:
    """``size`` columns around the one where the cumulated mass passes one half, zeros beyond the edges."""
    return windows(frames, middle(frames), size)


def middle(frames: np.ndarray) -> np.ndarray:
    """The column of each frame where half the mass lies left, ``[t]``."""
    mass = np.count_nonzero(frames, axis=1).cumsum(1)
    return np.asarray((2 * mass <= mass[:, -1:]).sum(1))


def windows(frames: np.ndarray, column: np.ndarray, size: int) -> np.ndarray:
    """``size`` columns of ``[t, h, w]`` or ``[t, h, w, c]``; ``column`` of a frame lands on ``size // 2``."""
    around = [(0, 0), (0, 0), (size, size), *[(0, 0)] * (frames.ndim - 3)]
    padded = np.pad(frames, around)
    view = np.lib.stride_tricks.sliding_window_view(padded, size, axis=2)
    picked = view[np.arange(len(frames)), :, column + size - size // 2]
    return np.ascontiguousarray(picked if frames.ndim == 3 else picked.transpose(0, 1, 3, 2))
