"""Cuts of colour pictures: to the person's box, and on frames of one size without squeezing."""

from __future__ import annotations

import cv2
import numpy as np

SIZE = (256, 128)
FOREGROUND = 127
"""Grey values above are the person."""


def laid_on_frame(picture: np.ndarray, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture ``[h, w, 3]`` at the frame's height, in the middle: black beside it, or its sides cut.

    Args:
        picture: uint8.
        size: height and width of the frame.
    """
    height, width = size
    rows, columns = picture.shape[:2]
    scaled = cv2.resize(picture, (max(1, int(columns * height / rows)), height))
    left = (width - scaled.shape[1]) // 2
    if left < 0:
        return np.asarray(scaled[:, -left : width - left])
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, left : left + scaled.shape[1]] = scaled
    return frame


def cut_to_mask(picture: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """The part of a picture ``[h, w, 3]`` that a mask ``[h, w]`` of its size lies in; None: it is empty."""
    rows, columns = np.nonzero(mask > FOREGROUND)
    if not len(rows):
        return None
    return picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
