"""Colours of a body: how bright and which hue in three bands from head to foot, compared over time."""

from __future__ import annotations

import cv2
import numpy as np

from gait_plugins.api.video.people import HALF, Detection

_BANDS = ((0.0, 0.2), (0.2, 0.5), (0.5, 1.0))
"""Head, trunk and legs, in heights of the body."""
_LEAST = 10
"""Pixels that a band has at least."""
_BINS = 8
# Most clothes lie near grey: the opponent colours' bins are narrow there, and the outer ones wide.
_RANGES = ((0, 256), (96, 176), (88, 168))
_PLACE_OF = np.stack(
    [((np.arange(256) - low) * _BINS // (high - low)).clip(0, _BINS - 1) for low, high in _RANGES], axis=-1
)[None].astype(np.uint8)
"""The bin of each value of each channel, ``[1, 256, 3]``."""


def colours_of(pixels: np.ndarray, person: Detection) -> np.ndarray:
    """Histograms of brightness and of the two opponent colours, for each band.

    Args:
        pixels: the frame, uint8 ``[h, w, 3]`` blue, green, red.
        person: whose colours.

    Returns:
        float32 ``[3, 3, 8]``: bands, channels, bins; each histogram sums to 1, or is 0 where a band is empty.
    """
    left, top, right, bottom = person.box
    step = 1 if person.height < 80 else 2
    body = cv2.cvtColor(np.ascontiguousarray(pixels[top:bottom:step, left:right:step]), cv2.COLOR_BGR2Lab)
    body = cv2.LUT(body, _PLACE_OF)
    mask = np.ascontiguousarray(person.mask[::step, ::step])
    inside = np.asarray(cv2.threshold(mask, HALF, 255, cv2.THRESH_BINARY)[1])
    found = np.zeros((len(_BANDS), 3, _BINS), np.float32)
    for band, (first, last) in enumerate(_BANDS):
        rows = slice(round(first * len(body)), round(last * len(body)))
        part, held = np.ascontiguousarray(body[rows]), np.ascontiguousarray(inside[rows])
        if np.count_nonzero(held) < _LEAST:
            continue
        for channel in range(3):
            counts = cv2.calcHist([part], [channel], held, [_BINS], [0, _BINS]).ravel()
            found[band, channel] = counts / max(float(counts.sum()), 1.0)
    return found


def far_apart(one: np.ndarray, other: np.ndarray) -> float:
    """Distance of colours in [0, 1]: the mean of Hellinger's over what both show; 0.5 of nothing."""
    shown = (one.sum(2) > 0) & (other.sum(2) > 0)
    if not shown.any():
        return 0.5
    alike = np.sqrt(one * other).sum(2)[shown]
    return float(np.sqrt(np.clip(1 - alike, 0, 1)).mean())
