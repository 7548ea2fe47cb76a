"""Splitting: one mask of several bodies that touch, shared out among the bodies that should be in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gait_plugins.api.video.people import HALF, Detection
from gait_plugins.plugins.films.tracking.body import Body

_ROUNDS = 3
_NEAR = 2.5
"""Squared distance from a body's middle, in half widths and heights, up to which a pixel may be its."""


class Share(NamedTuple):
    """One body's part of a mask."""

    person: Detection | None
    """None where it is hidden altogether."""
    middle: float
    """Column of the middle of its pixels."""
    visible: float
    """Pixels, as a share of what the whole body has."""


class Shares(NamedTuple):
    """What each body has of a mask, and what is left."""

    bodies: list[Share]
    rest: Detection | None
    """Pixels too far from every body; None where there are none."""


def split(mask: Detection, bodies: Sequence[Body]) -> Shares:
    """Give each pixel to the body whose middle is nearest, in half widths and heights.

    The bodies are first moved sideways, a little, to where their pixels are.
    """
    rows, columns = np.nonzero(mask.mask > HALF)
    across, down = columns + mask.left + 0.5, rows + mask.top + 0.5
    middles = np.array([body.middle for body in bodies])
    half_widths = np.array([max(body.width, 0.25 * body.height) / 2 for body in bodies])
    half_heights = np.array([body.height / 2 for body in bodies])
    centres = np.array([body.foot - body.height / 2 for body in bodies])
    upright = ((down[None] - centres[:, None]) / half_heights[:, None]) ** 2
    limits = 0.35 * half_widths
    wanted = middles.copy()
    for _ in range(_ROUNDS):
        squares = ((across[None] - wanted[:, None]) / half_widths[:, None]) ** 2 + upright
        owner = squares.argmin(0)
        near = squares.min(0) <= _NEAR
        for place in range(len(bodies)):
            own = across[(owner == place) & near]
            if len(own):
                wanted[place] = np.clip(
                    own.mean(), middles[place] - limits[place], middles[place] + limits[place]
                )
    shares = []
    for place, body in enumerate(bodies):
        own = (owner == place) & near
        part = _part(mask, rows[own], columns[own])
        middle = float(across[own].mean()) if own.any() else body.middle
        shares.append(Share(part, middle, float(own.sum()) / max(body.area, 1.0)))
    return Shares(shares, _part(mask, rows[~near], columns[~near]))


def _part(mask: Detection, rows: np.ndarray, columns: np.ndarray) -> Detection | None:
    if not len(rows):
        return None
    top, left = int(rows.min()), int(columns.min())
    cut = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), np.uint8)
    cut[rows - top, columns - left] = 255
    return Detection(mask.left + left, mask.top + top, cut)
