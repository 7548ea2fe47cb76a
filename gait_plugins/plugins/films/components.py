"""Components of a mask: the parts of each body joined, and two people side by side taken apart."""

from __future__ import annotations

import cv2
import numpy as np

from gait_plugins.api.video.people import Box, Detection

_SPECK = 12
"""Pixels up to which a part is noise."""
_NEAR = 0.12
"""Gap between parts of one body, above each other, in heights of both together."""


def parts_of(mask: np.ndarray, least: int) -> list[Detection]:
    """The bodies of a mask.

    Parts above each other are one body: the colours of a belt or a sign before it cut a person in two.

    Args:
        mask: uint8 ``[h, w]``, 0 and 255.
        least: rows that a body has at least.
    """
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    parts: list[tuple[Box, list[int]]] = []
    order = sorted(range(1, count), key=lambda number: -int(stats[number, cv2.CC_STAT_AREA]))
    for number in order:
        left, top, width, height, area = (int(value) for value in stats[number])
        if area <= _SPECK:
            continue
        box = left, top, left + width, top + height
        place = next((at for at, (other, _) in enumerate(parts) if _is_one_body(other, box)), None)
        if place is None:
            parts.append((box, [number]))
        else:
            other, held = parts[place]
            parts[place] = _around(other, box), [*held, number]
    return [_detection(numbers, box, held) for box, held in parts if box[3] - box[1] >= least]


def _is_one_body(large: Box, small: Box) -> bool:
    shared = min(large[2], small[2]) - max(large[0], small[0])
    if shared < 0.5 * min(large[2] - large[0], small[2] - small[0]):
        return False
    gap = max(large[1], small[1]) - min(large[3], small[3])
    whole = max(large[3], small[3]) - min(large[1], small[1])
    return gap <= _NEAR * whole and whole <= 4 * max(large[2] - large[0], small[2] - small[0])


def _around(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _detection(numbers: np.ndarray, box: Box, held: list[int]) -> Detection:
    cut = numbers[box[1] : box[3], box[0] : box[2]]
    inside = cut == held[0] if len(held) == 1 else np.isin(cut, held)
    return Detection(box[0], box[1], inside.astype(np.uint8) * np.uint8(255))
