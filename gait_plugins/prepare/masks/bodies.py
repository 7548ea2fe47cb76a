"""Bodies in a mask: specks beside the person, two people, one person followed among others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

_HALF = 127
_FINE = 96
"""Rows that a mask is looked at in, about: bodies are large."""
_SPECK = 0.02
"""Share of the largest part's area below which a part is a speck."""
_APART = 0.35
"""Distance of two people's middles, in heights of the higher: halves of one body are nearer."""
_SHARED = 0.25
"""Share of the narrower part's columns that make it lie above or below the other."""
_PERSON_HEIGHT = 0.6
_PERSON_AREA = 0.3
_MOVED = 0.05


class Body(NamedTuple):
    """A part of a mask, or several that belong together: columns ``left`` to ``right``, and so on."""

    left: int
    top: int
    right: int
    bottom: int
    area: int

    @property
    def height(self) -> int:
        return self.bottom - self.top


class _Split(NamedTuple):
    """The connected parts of a mask."""

    mask: np.ndarray
    numbers: np.ndarray
    """``[h, w]``, the number of each pixel's part."""
    total: int
    """How many there are, with specks."""
    parts: dict[int, Body]
    """All but specks, by their numbers."""

    def only(self, wanted: Iterable[int]) -> np.ndarray:
        kept = np.zeros(self.total + 1, np.uint8)
        kept[list(wanted)] = 255
        return np.asarray(cv2.bitwise_and(self.mask, kept[self.numbers]))


def bodies(mask: np.ndarray) -> list[Body]:
    """The bodies of a mask, the largest first; specks are left out.

    Parts that lie above each other are one body, and so are halves beside each other: what hides a person
    cuts him up. People who touch are one body too.

    Args:
        mask: uint8 ``[h, w]``, white on black.
    """
    return _joined(list(_split(mask).parts.values()))


def are_two_people(found: list[Body]) -> bool:
    """True where a second body is about as large as the first."""
    if len(found) < 2:
        return False
    first, second = found[:2]
    heights = sorted((first.height, second.height))
    return heights[0] >= _PERSON_HEIGHT * heights[1] and second.area >= _PERSON_AREA * first.area


def beside(mask: np.ndarray) -> tuple[bool, bool]:
    """Whether a mask shows two people, and whether something else than the person moves its cut.

    The mask is looked at coarsely: a gap of a hundredth of the person's height may go unseen.
    """
    rows, columns = (np.flatnonzero(mask.max(axis) > _HALF) for axis in (1, 0))
    if not len(rows) or (_is_one_run(rows) and _is_one_run(columns)):
        return False, False
    step = max(1, mask.shape[0] // _FINE)
    small = np.ascontiguousarray(mask[::step, ::step])
    found = bodies(small)
    if not found or are_two_people(found):
        return bool(found), False
    main = found[0]
    moved = np.ptp(rows) + 1 - step * main.height > max(_MOVED * step * main.height, 2 * step)
    outside = int(np.count_nonzero(small > _HALF)) - main.area
    return False, bool(moved or outside > _MOVED * main.area)


def without_specks(mask: np.ndarray) -> np.ndarray:
    """The mask without its smallest parts."""
    split = _split(mask)
    return mask if split.total == len(split.parts) else split.only(split.parts)


class Follower:
    """Keeps one body of each mask of a walk: the largest at first, and then the one that goes on from it."""

    def __init__(self) -> None:
        self._last: Body | None = None

    def keep(self, mask: np.ndarray) -> np.ndarray | None:
        """The mask with that body alone; None where it cannot be found."""
        split = _split(mask)
        found = _joined(list(split.parts.values()))
        if self._last is not None:
            found = [body for body in found if _overlap(body, self._last) > 0]
            found.sort(key=lambda body: -_overlap(body, self._last or body))
        if not found:
            return None if split.total else mask
        body = self._last = found[0]
        return split.only(number for number, part in split.parts.items() if _inside(part, body))


def _is_one_run(places: np.ndarray) -> bool:
    return bool(places[-1] - places[0] < len(places))


def _split(mask: np.ndarray) -> _Split:
    binary = cv2.threshold(mask, _HALF, 255, cv2.THRESH_BINARY)[1]
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    least = _SPECK * stats[1:, cv2.CC_STAT_AREA].max() if count > 1 else 0
    parts = {
        number: Body(int(x), int(y), int(x + width), int(y + height), int(area))
        for number, (x, y, width, height, area) in enumerate(stats[1:], 1)
        if area >= least
    }
    return _Split(mask, np.asarray(numbers), count - 1, parts)


def _joined(parts: list[Body]) -> list[Body]:
    rest = sorted(parts, key=lambda part: -part.area)
    found: list[Body] = []
    for part in rest:
        near = next((place for place, body in enumerate(found) if not _apart(part, body)), None)
        if near is None:
            found.append(part)
        else:
            found[near] = _union(found[near], part)
    return sorted(found, key=lambda body: -body.area)


def _apart(one: Body, other: Body) -> bool:
    """True where neither columns nor distance make two parts one body."""
    shared = min(one.right, other.right) - max(one.left, other.left)
    if shared > _SHARED * min(one.right - one.left, other.right - other.left):
        return False
    distance = abs(one.left + one.right - other.left - other.right) / 2
    return distance >= _APART * max(one.height, other.height)


def _union(one: Body, other: Body) -> Body:
    return Body(
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
        one.area + other.area,
    )


def _overlap(one: Body, other: Body) -> float:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(width, 0) * max(height, 0)


def _inside(part: Body, body: Body) -> bool:
    return part.left >= body.left and part.right <= body.right and part.top >= body.top
