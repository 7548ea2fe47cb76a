"""Heads: people side by side in one mask, taken apart between their heads."""

from __future__ import annotations

import cv2
import numpy as np

from gait_plugins.api.video.people import Detection

_HIGH = 0.35
"""Depth of the second head below the first, in heights of the mask, at most."""
_VALLEY = 0.1
"""Depth of the gap between two heads below the lower one, in heights, at least."""
_APART = 0.22
"""Distance of two heads, in heights, at least."""
_SHARE = 0.25
"""Share of the mask that each has at least."""
_FEWEST = 20
"""Rows of a mask that shows heads at all."""


def side_by_side(person: Detection) -> list[Detection]:
    """The people of a mask, from left to right; the mask itself where it shows one head or none.

    Two heads are two peaks of the outline near the top, with a gap between them. The cut goes straight down
    from where the gap is deepest.
    """
    column = _cut(person.mask)
    if column is None:
        return [person]
    halves = (person.mask[:, :column], 0), (person.mask[:, column:], column)
    parts = [_trimmed(mask, person.left + shift, person.top) for mask, shift in halves]
    return [each for part in parts for each in side_by_side(part)]


def _cut(mask: np.ndarray) -> int | None:
    """The first column of the right part."""
    height, width = mask.shape
    if height < _FEWEST or width < 2 * _APART * height:
        return None
    tops = np.where(mask.any(0), (mask > 0).argmax(0), height).astype(np.float32)
    tops = cv2.blur(tops[None], (3, 1)).ravel()
    best, place = _VALLEY * height, None
    total, left = np.count_nonzero(mask), np.count_nonzero(mask, axis=0).cumsum()
    apart = int(np.ceil(_APART * height / 2))
    for column in range(apart, width - apart):
        one, other = float(tops[:column].min()), float(tops[column + 1 :].min())
        if max(one, other) > _HIGH * height or not _SHARE <= left[column] / total <= 1 - _SHARE:
            continue
        heads = int(tops[:column].argmin()), column + 1 + int(tops[column + 1 :].argmin())
        depth = float(tops[column]) - max(one, other)
        if depth > best and heads[1] - heads[0] >= _APART * height:
            best, place = depth, column
    return place


def _trimmed(mask: np.ndarray, left: int, top: int) -> Detection:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    cut = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Detection(left + int(columns[0]), top + int(rows[0]), np.ascontiguousarray(cut))
