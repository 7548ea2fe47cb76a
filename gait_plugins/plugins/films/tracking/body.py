"""Bodies: place, size, speed and colours of one tracked person, from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gait_plugins.api.video.people import Detection
from gait_plugins.plugins.films.tracking.colours import far_apart

_PLACE, _SPEED, _SIZE = 0.7, 0.25, 0.15
"""How much of what is measured anew counts, beside what is known."""
_SLOW = 0.85
"""Speed that is left after each frame in which nothing was measured: people stop where they cannot go on."""
_NEW = 5
"""Sightings up to which a body is new: little is known of its speed."""


@dataclass
class Body:
    """What is known of one track. Places are in pixels, speeds in pixels a frame."""

    track: int
    middle: float
    """Column of the middle."""
    foot: float
    """Row of the lowest point."""
    width: float
    height: float
    area: float
    colours: np.ndarray
    speed: tuple[float, float] = (0.0, 0.0)
    seen: int = 1
    """Frames with a clean view."""
    missed: int = 0
    """Frames since the last sighting."""
    since_clean: int = 0
    """Frames since the last clean view."""
    mates: set[int] = field(default_factory=set)
    """Tracks that it has touched since its last clean view."""
    unfit: int = 0
    """Frames in a row in which only something was seen in its place that does not look like it."""
    stranger: bool = False
    """It has touched somebody unknown since then."""

    @classmethod
    def of(cls, track: int, person: Detection, colours: np.ndarray) -> Body:
        """A body that is seen for the first time."""
        left, _, right, bottom = person.box
        return cls(track, (left + right) / 2, bottom, person.width, person.height, person.area, colours)

    @property
    def known(self) -> bool:
        """Seen often enough that its size and speed can be relied on."""
        return self.seen >= _NEW

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of where it should be."""
        half = self.width / 2
        return self.middle - half, self.foot - self.height, self.middle + half, self.foot

    def go_on(self) -> None:
        """One frame later."""
        self.middle += self.speed[0]
        self.foot += self.speed[1]
        self.since_clean += 1

    def rest(self) -> None:
        """It was not seen, or nobody can say where exactly."""
        self.speed = self.speed[0] * _SLOW, self.speed[1] * _SLOW

    def see(self, person: Detection, colours: np.ndarray) -> None:
        """A clean view of the whole body."""
        left, _, right, bottom = person.box
        self._move((left + right) / 2, bottom, _PLACE)
        share = max(_SIZE, 1 / (self.seen + 1))
        self.width += share * (person.width - self.width)
        self.height += share * (person.height - self.height)
        self.area += share * (person.area - self.area)
        self.colours = (1 - share) * self.colours + share * colours
        self.seen += 1
        self.missed = self.since_clean = 0
        self.mates.clear()
        self.unfit = 0
        self.stranger = False

    def see_part(self, middle: float | None, foot: float | None, trust: float) -> None:
        """A view of a part, or of one body of several that touch.

        Args:
            middle: column of the middle, where that is seen.
            foot: row of the lowest point, where that is seen.
            trust: how much of it counts, in [0, 1].
        """
        self._move(self.middle if middle is None else middle, self.foot if foot is None else foot, trust)
        self.missed = 0

    def _move(self, middle: float, foot: float, trust: float) -> None:
        across, down = middle - self.middle, foot - self.foot
        self.middle += trust * across
        self.foot += trust * down
        gain = trust * max(_SPEED, 0.5 / self.seen) / _PLACE
        limit = 0.25 * self.height
        self.speed = (
            float(np.clip(self.speed[0] + gain * across, -limit, limit)),
            float(np.clip(self.speed[1] + gain * down, -limit, limit)),
        )

    def distance(self, person: Detection) -> float:
        """How far a detection is from where the body should be, in heights."""
        left, top, right, bottom = person.box
        across = (left + right) / 2 - self.middle
        # The foot may be hidden, or the head: the nearer of both ends counts, and some of the other.
        low, high = bottom - self.foot, top - (self.foot - self.height)
        down = 0.75 * min(abs(low), abs(high)) + 0.25 * max(abs(low), abs(high))
        return float(np.hypot(across, down)) / max(self.height, 1.0)

    def unlike(self, colours: np.ndarray) -> float:
        """Distance of colours, in [0, 1]."""
        return far_apart(self.colours, colours)
