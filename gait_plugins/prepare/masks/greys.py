"""Grey values of masks: ground and person, soft edges, and the middle grey of shadows."""

from __future__ import annotations

import cv2
import numpy as np

from gait_plugins.prepare.grey_values import BRIGHT
from gait_plugins.prepare.masks.labels import Areas, Labels

HALF = 127
_FLAT = 24
"""Difference between neighbours up to which lossy values are flat."""
_NEAR = 12
_WIDE = 40
_SHADOWED = 0.03
"""How near to 127 lossy shadows are, and how much of them there is at least, to the white."""
_MOST_LEVELS = 4
_LEVEL = 0.2
"""Share of the person's flat pixels that a level has at least."""
_TALL = 0.6
"""Height of a middle grey, in heights of the white, from which it is a person."""
_SOFT_ROWS = 0.03
_EDGE_ROWS = 2
"""Rows, as a share of the person's and in pixels, that smooth edges may add."""
_SOFT_MASS = 0.1
_PLATEAU = 0.15
_PLATEAUS = 0.8
"""Share of the person's pixels that each of several labels has at least, and all of them together."""


def flat_counts(greys: list[np.ndarray]) -> np.ndarray:
    """How often each value occurs where its neighbours are about equal, ``[256]``; of lossy masks."""
    square = np.ones((3, 3), np.uint8)
    counts = np.zeros(256)
    for grey in greys:
        spread = cv2.subtract(cv2.dilate(grey, square), cv2.erode(grey, square))
        flat = np.asarray(cv2.threshold(spread, _FLAT, 255, cv2.THRESH_BINARY_INV)[1])
        counts += cv2.calcHist([grey], [0], flat, [256], [0, 256]).ravel()
    return counts


def has_grey_plateau(flat: np.ndarray, white: float) -> bool:
    """True where much is flat and near 127, and little of other middle greys is: no wide edges.

    Args:
        flat: counts of :func:`flat_counts`.
        white: number of white pixels.
    """
    near = flat[HALF - _NEAR : HALF + _NEAR + 1].sum()
    return bool(near > _SHADOWED * white and 2 * near > flat[60:200].sum())


def levels(flat: np.ndarray, ground: int) -> list[int]:
    """Grey values, the lowest first, about which a considerable part of the person is flat.

    Args:
        flat: counts of :func:`flat_counts`.
        ground: grey value of the background.
    """
    counts = flat.copy()
    counts[: ground + _WIDE + 1] = 0
    person = counts.sum()
    found: list[int] = []
    while len(found) < _MOST_LEVELS:
        around = np.convolve(counts, np.ones(2 * _NEAR + 1), "same")
        level = int(around.argmax())
        if around[level] < max(_LEVEL * person, 1):
            break
        found.append(level)
        counts[max(level - _WIDE, 0) : level + _WIDE + 1] = 0
    return sorted(found)


def are_people(greys: list[np.ndarray], low: int, high: int) -> bool:
    """True where the areas of a range of greys are about as high as the white ones: another label."""
    heights = []
    for least, most in ((low, high), (BRIGHT, 255)):
        rows = [np.flatnonzero(cv2.inRange(grey, least, most).any(1)) for grey in greys]
        heights.append(float(np.median([np.ptp(row) + 1 if len(row) else 0 for row in rows])))
    return heights[0] > _TALL * heights[1]


def has_several_plateaus(areas: Areas, labels: Labels) -> bool:
    """True for labels whose edges are soft, as after a change of size."""
    counts = areas.all
    person = counts.sum() - counts[labels.background]
    values = [label for label in labels.found if counts[label] >= _PLATEAU * person]
    far = bool(values) and values[-1] - values[0] > _FLAT
    return far and len(values) <= 6 and sum(counts[values]) >= _PLATEAUS * person


def cut_between(counts: np.ndarray) -> int:
    """The grey value half-way between ground and person.

    The two are told apart by Otsu's threshold (Otsu, IEEE Trans. SMC 9, 1979). Half-way between the lower
    quartile of the one and the upper quartile of the other lies the edge of a blurred mask, however small
    the person is and however wide the blur.

    Args:
        counts: how often each grey value occurs, ``[256]``.
    """
    values = np.arange(256)
    below = counts.cumsum()
    mass = (counts * values).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    threshold = int(np.nan_to_num(between).argmax())
    ground, person = ground_and_person(counts, threshold)
    return (ground + person) // 2


def cut_of_faintest(greys: list[np.ndarray], counts: np.ndarray) -> int:
    """The grey value half-way between the ground and the faintest person: each of several is to be seen.

    Args:
        greys: uint8 ``[h, w]`` each.
        counts: how often each grey value occurs in them, ``[256]``.
    """
    threshold = cut_between(counts)
    ground, _ = ground_and_person(counts, threshold)
    found = levels(flat_counts(greys), ground)
    return (ground + found[0]) // 2 if len(found) > 1 else threshold


def ground_and_person(counts: np.ndarray, threshold: int) -> tuple[int, int]:
    """The lower quartile of the grey values up to a threshold, and the upper one of those above it."""
    low, high = counts[: threshold + 1].cumsum(), counts[threshold + 1 :].cumsum()
    ground = int(np.searchsorted(low, low[-1] / 4))
    person = threshold + 1 + int(np.searchsorted(high, high[-1] * 3 / 4)) if len(high) and high[-1] else 255
    return ground, person


def is_soft(greys: list[np.ndarray], threshold: int) -> bool:
    """True where what lies below the threshold would move the cut: more than smooth edges."""
    rows, mass = [], []
    for grey in greys:
        brightest = cv2.reduce(grey, 1, cv2.REDUCE_MAX)[:, 0]
        inner, outer = np.flatnonzero(brightest > threshold), np.flatnonzero(brightest)
        if len(inner):
            height = inner[-1] - inner[0] + 1
            excess = outer[-1] - outer[0] + 1 - height
            rows.append(excess / height if excess > _EDGE_ROWS else 0.0)
            mass.append(float(grey[grey <= threshold].sum(dtype=np.int64) / grey.sum(dtype=np.int64)))
    return bool(rows) and bool(np.median(rows) > _SOFT_ROWS or np.median(mass) > _SOFT_MASS)
