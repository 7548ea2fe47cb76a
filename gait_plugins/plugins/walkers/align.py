"""Frames cut to the person, as gait data sets are prepared: full height, centred on the mass."""

from __future__ import annotations

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
    wide = np.zeros((len(frames), size, 2 * size), np.uint8)
    for frame, out in zip(frames, wide, strict=True):
        x, y, width, height = cv2.boundingRect(frame)
        if height:
            scale = size / height
            columns = min(max(round(width * scale), 1), 2 * size)
            left = (2 * size - columns) // 2
            crop = frame[y : y + height, x : x + width]
            out[:, left : left + columns] = cv2.resize(crop, (columns, size), interpolation=cv2.INTER_AREA)
    return centre(binarise(wide), size)


def binarise(frames: np.ndarray) -> np.ndarray:
    """Grey ``[t, h, w]`` to 0/255 at one half; the first and the last row keep their brightest pixels."""
    result = (frames > 127).astype(np.uint8) * np.uint8(255)
    for row in (0, -1):
        edge = frames[:, row]
        result[:, row] = 255 * (edge > np.minimum(127, edge.max(1, keepdims=True) // 2))
    return result


def centre(frames: np.ndarray, size: int) -> np.ndarray:
    """``size`` columns around the one where the cumulated mass passes one half, zeros beyond the edges."""
    mass = np.count_nonzero(frames, axis=1).cumsum(1)
    middle = (2 * mass <= mass[:, -1:]).sum(1)
    padded = np.pad(frames, ((0, 0), (0, 0), (size, size)))
    # Column ``middle`` of the frame lands on column ``size // 2``.
    first = middle + size - size // 2
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=2)
    return np.ascontiguousarray(windows[np.arange(len(frames)), :, np.minimum(first, windows.shape[2] - 1)])
