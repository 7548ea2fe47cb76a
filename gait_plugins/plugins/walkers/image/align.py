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
    boxes = [cv2.boundingRect(frame) for frame in frames]
    columns = [min(max(round(w * size / h), 1), 2 * size) if h else 0 for _, _, w, h in boxes]
    wide = np.zeros((len(frames), size, max(columns, default=0) or 1), np.uint8)
    for frame, out, (x, y, w, h), count in zip(frames, wide, boxes, columns, strict=True):
        if h:
            left = (out.shape[1] - count) // 2
            crop = frame[y : y + h, x : x + w]
            out[:, left : left + count] = cv2.resize(crop, (count, size), interpolation=cv2.INTER_AREA)
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
    return np.ascontiguousarray(windows[np.arange(len(frames)), :, first])
