"""Passages: who walks through the street, when, where, how fast, and who stands for a while."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gait_plugins.plugins.walkers.body.skeleton import identity
from gait_plugins.plugins.walkers.film.cameras import END, LANES
from gait_plugins.plugins.walkers.seeds import generator
from gait_plugins.plugins.walkers.streams.scene import stature
from gait_plugins.plugins.walkers.walk import RATE, pace, walk

APART = 0.65
"""Metres that people keep from each other, at least."""
SIDE_BY_SIDE = 0.75
"""Metres between two who walk together."""
_RAMP = 0.9
"""Seconds in which one comes to a stand, and begins to walk again."""
_SHARE_IN_VIEW = 0.42
"""Of a passage, about: the share during which a camera sees it."""
_PAIRS, _STANDS = 0.2, 0.3
"""How many of the passages are of two together; how many who walk alone stand for a while."""
_AWAY = 2.0
"""Seconds after which one who left may come back, at least."""
_FIRST = -7.0
"""Seconds before the film at which the first one sets out, so that the street is not empty for long."""


@dataclass(frozen=True)
class Passage:
    """One person's way through the street, from one end to the other.

    Args:
        track: number of the passage, from 1 on.
        person: number of the walker.
        kind: type of the walk (``nm-01``).
        begin: seconds since the film began, at the start of the way.
        speed: metres a second.
        rightward: walks in the direction of x.
        lanes: where across the street the way begins and ends.
        turn: metres along the street at which the lane is changed.
        stand: metres of the way after which the person stands, and for how many seconds.
        natural: metres a second of this walk without regard to others.
    """

    track: int
    person: int
    kind: str
    begin: float
    speed: float
    rightward: bool
    lanes: tuple[float, float]
    turn: float
    stand: tuple[float, float]
    natural: float

    @property
    def end(self) -> float:
        """Seconds since the film began, at the end of the way."""
        return self.begin + float(self._line[0][-1]) / self.speed + self.stand[1]

    @cached_property
    def _line(self) -> tuple[np.ndarray, np.ndarray]:
        """Metres of the way, and where that is ``[n, 2]``."""
        along = np.linspace(-END, END, 481)
        across = self.lanes[0] + (self.lanes[1] - self.lanes[0]) * _smooth((along - self.turn) / 9 + 0.5)
        points = np.stack([along if self.rightward else -along, across], 1)
        gone = np.linalg.norm(np.diff(points, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(gone)]), points

    def still(self, times: np.ndarray) -> np.ndarray:
        """How far the person stands rather than walks at these seconds, in [0, 1]."""
        first, last = self._stop()
        return np.asarray(_smooth((times - first) / _RAMP) - _smooth((times - last) / _RAMP))

    def walked(self, times: np.ndarray) -> np.ndarray:
        """Seconds walked until these seconds."""
        first, last = self._stop()
        stood = _RAMP * (_smoothed((times - first) / _RAMP) - _smoothed((times - last) / _RAMP))
        return np.asarray(times - self.begin - stood)

    def ticks(self, times: np.ndarray) -> np.ndarray:
        """The same in ticks of the walk: the feet go as far as the body."""
        return np.asarray(self.walked(times) * (RATE * self.speed / self.natural))

    def places(self, times: np.ndarray) -> np.ndarray:
        """Where the person is on the ground at these seconds, metres ``[t, 2]``."""
        metres, points = self._line
        gone = self.walked(times) * self.speed
        return np.stack([np.interp(gone, metres, points[:, axis]) for axis in (0, 1)], 1)

    def headings(self, times: np.ndarray) -> np.ndarray:
        """Directions of the way, radians from the direction of x ``[t]``."""
        metres, points = self._line
        gone = np.clip(self.walked(times) * self.speed, 0.1, metres[-1] - 0.1)
        ahead, behind = (
            np.stack([np.interp(gone + step, metres, points[:, axis]) for axis in (0, 1)], 1)
            for step in (0.1, -0.1)
        )
        way = ahead - behind
        return np.asarray(np.arctan2(way[:, 1], way[:, 0]))

    def _stop(self) -> tuple[float, float]:
        first = self.begin + self.stand[0] / self.speed
        return first, first + self.stand[1]


def _smooth(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))


def _smoothed(x: np.ndarray) -> np.ndarray:
    """Integral of :func:`_smooth`."""
    inside = np.clip(x, 0, 1)
    return np.asarray(inside**3 - inside**4 / 2 + np.maximum(x - 1, 0))


def passages(people: Sequence[int], seed: int, take: int, crowd: float, seconds: float) -> Iterator[Passage]:
    """The passages of a film, by the time when they begin.

    Everybody passes once before anybody does so again. Nobody walks through another: those who would
    set out later or in another lane.

    Args:
        people: numbers of the walkers.
        seed: of the population.
        take: number of the film: another one shows other walks of the same people.
        crowd: people in view at a time, about; fewer where there are not enough.
        seconds: length of the film.
    """
    rng = generator(seed, "street film", take)
    walks = dict.fromkeys(people, 0)
    present: list[Passage] = []
    pause = 2 * END / 1.25 * _SHARE_IN_VIEW / crowd
    now, track = _FIRST, 1
    waiting: list[int] = []
    while True:
        if not waiting:
            waiting = [people[i] for i in rng.permutation(len(people))]
        pair = len(waiting) > 1 and rng.random() < _PAIRS
        chosen = [waiting.pop(0) for _ in range(2 if pair else 1)]
        back = [one.end + _AWAY for one in present if one.person in chosen]
        now = max([now, *back])
        kinds = [_kind(seed, person, walks, take, rng) for person in chosen]
        group = _way(rng, seed, list(zip(chosen, kinds, strict=True)), now, present)
        if group[0].begin >= seconds:
            return
        for one in group:
            yield replace(one, track=track)
            track += 1
        now = max(now, group[0].begin)
        present = [one for one in [*present, *group] if one.end + _AWAY > now]
        now += pause * len(group) * rng.uniform(0.6, 1.4)


def _kind(seed: int, person: int, walks: dict[int, int], take: int, rng: np.random.Generator) -> str:
    """The type of a person's next walk: mostly without a bag or a coat; each walk is one of its own."""
    walks[person] += 1
    dress = ("nm", "nm", "nm", "bg", "cl")[int(rng.integers(5))]
    return f"{dress}-{(take - 1) * 20 + walks[person]:02d}"


def _way(
    rng: np.random.Generator,
    seed: int,
    group: list[tuple[int, str]],
    begin: float,
    present: list[Passage],
) -> list[Passage]:
    """A way for one person or two that comes too close to nobody's; if need be, later."""
    natural = [_natural(seed, person, kind) for person, kind in group]
    speed = float(np.mean(natural))
    half = SIDE_BY_SIDE / 2 * (len(group) - 1)
    tries = 0
    while True:
        rightward = bool(rng.random() < 0.5)
        lanes = rng.uniform(LANES[0] + half, LANES[1] - half, 2)
        if rng.random() < 0.5:
            lanes[1] = np.clip(lanes[0] + rng.normal(0, 0.3), LANES[0] + half, LANES[1] - half)
        stands = len(group) == 1 and rng.random() < _STANDS
        stand = (float(rng.uniform(END - 3, END + 3)), float(rng.uniform(3, 9))) if stands else (0.0, 0.0)
        turn, late = float(rng.uniform(-2, 2)), float(rng.uniform(0, 0.5))
        found = [
            Passage(
                0,
                person,
                kind,
                begin + late * (side > 0),
                speed,
                rightward,
                (float(lanes[0]) + side * half, float(lanes[1]) + side * half),
                turn,
                stand,
                own,
            )
            for (person, kind), own, side in zip(group, natural, (-1, 1), strict=False)
        ]
        if all(_free(one, other) for one in found for other in present):
            return found
        tries += 1
        begin += 0.5 * (tries % 20 == 0)


def _natural(seed: int, person: int, kind: str) -> float:
    """Metres a second of a walk."""
    return pace(walk(identity(seed, person), seed, person, kind, 1)) * stature(seed, person)


def _free(one: Passage, other: Passage) -> bool:
    times = np.arange(max(one.begin, other.begin), min(one.end, other.end), 0.1)
    apart = one.places(times) - other.places(times)
    return not len(times) or float(np.hypot(apart[:, 0], apart[:, 1]).min()) >= APART
