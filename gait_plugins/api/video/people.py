"""People in a frame: the mask of each, and sightings of tracks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from gait_plugins.errors import DataError

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are the first column and row outside."""
Trouble = Literal["", "merged", "hidden", "border", "standing"]
"""Why a view is not clean: it is; the body touches another; a part is hidden; the frame cuts the
body; the person does not walk."""

HALF = 127
"""Confidence above which a pixel is the person."""


@dataclass(frozen=True)
class Detection:
    """One person in one frame.

    Args:
        left: column of the mask's first column in the frame.
        top: row of the mask's first row in the frame.
        mask: uint8 ``[h, w]`` of the box alone: 255 where the person is, 0 elsewhere, and anything between
            for confidence.
        score: how sure it is that this is a person, in [0, 1].
        label: the number by which a segmenter tells people apart over time; None: it does not.
    """

    left: int
    top: int
    mask: np.ndarray
    score: float = 1.0
    label: int | None = None

    @classmethod
    def of_mask(cls, mask: np.ndarray, score: float = 1.0, label: int | None = None) -> Detection | None:
        """The person of a mask of the whole frame, cut to the box; None for a mask without a person.

        Args:
            mask: ``[h, w]``: booleans, uint8 0..255, or confidence as floats in [0, 1].
            score: see the class.
            label: see the class.

        Raises:
            DataError: another shape or dtype, or values beyond these.
        """
        grey = _grey(mask)
        rows, columns = np.flatnonzero(grey.max(1) > HALF), np.flatnonzero(grey.max(0) > HALF)
        if not len(rows):
            return None
        left, top = int(columns[0]), int(rows[0])
        cut = np.ascontiguousarray(grey[top : rows[-1] + 1, left : columns[-1] + 1])
        return cls(left, top, cut, score, label)

    @property
    def width(self) -> int:
        """Columns of the box."""
        return int(self.mask.shape[1])

    @property
    def height(self) -> int:
        """Rows of the box."""
        return int(self.mask.shape[0])

    @property
    def box(self) -> Box:
        """Where the person is in the frame."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    @cached_property
    def area(self) -> int:
        """Pixels of the person."""
        return int(np.count_nonzero(self.mask > HALF))

    def touches_border(self, film_width: int, film_height: int, margin: int = 1) -> bool:
        """True where the box reaches the edge of a frame of that size: a part may be outside."""
        left, top, right, bottom = self.box
        outside = left <= margin or top <= margin
        return outside or right >= film_width - margin or bottom >= film_height - margin


@dataclass(frozen=True)
class Sighting:
    """One person of a track in one frame.

    Args:
        track: number of the track, from 1 on; a number is never given to a second person.
        person: where the tracker sees the person: a detection, or its part of one.
        trouble: why this frame is no clean view of the whole person; empty where it is one.
    """

    track: int
    person: Detection
    trouble: Trouble = ""

    def troubled(self, trouble: Trouble) -> Sighting:
        """The same sighting with another trouble."""
        return replace(self, trouble=trouble)


def _grey(mask: np.ndarray) -> np.ndarray:
    mask = np.asarray(mask)
    if mask.ndim == 2 and mask.size:
        if mask.dtype == np.uint8:
            return mask
        if mask.dtype == np.bool_:
            return mask.astype(np.uint8) * np.uint8(255)
        if mask.dtype.kind == "f" and mask.min() >= 0 and mask.max() <= 1:  # NaN fails both
            return np.asarray(np.rint(mask * 255), np.uint8)
    found = f"shape {list(mask.shape)}, dtype {mask.dtype}"
    if mask.ndim == 2 and mask.size and mask.dtype.kind in "biuf":
        found += f", values from {mask.min()} to {mask.max()}"
    raise DataError(
        f"found {found}, expected the mask of one person [h, w]: booleans, uint8 0..255, or floats in [0, 1]",
        hint="make one mask of each person: mask = labels == person; for scores, 1 / (1 + exp(-score))",
    )
