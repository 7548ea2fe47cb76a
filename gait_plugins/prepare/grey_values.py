"""Checks of an image's grey values: a mask, a picture, a white background or a dim mask."""

from __future__ import annotations

import cv2
import numpy as np

BRIGHT = 200
"""Grey value that the person in a mask reaches somewhere; soft edges alone lie below."""
_HALF = 127
_MIDDLE = (64, 192)
_SHARE = 0.25


def on_white(grey: np.ndarray) -> bool:
    """True where more than half of the image's edge is bright: a black person on white.

    A person, cut tightly or cut off, touches less of the edge.

    Args:
        grey: uint8 ``[h, w]``.
    """
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return 2 * int(np.count_nonzero(edge > _HALF)) > edge.size


def is_picture(grey: np.ndarray) -> bool:
    """True where a quarter of the pixels have various middle grey values, as photographs do.

    One middle value alone is a mask whose person is grey.

    Args:
        grey: uint8 ``[h, w]``.
    """
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    middle = counts[slice(*_MIDDLE)]
    return bool(middle.sum() > _SHARE * grey.size and 2 * middle.max() < middle.sum())


def is_dark(grey: np.ndarray) -> bool:
    """True where something is there, and all of it darker than :data:`BRIGHT`: labels, or dim masks.

    Args:
        grey: uint8 ``[h, w]``.
    """
    return 0 < cv2.minMaxLoc(grey)[1] < BRIGHT
