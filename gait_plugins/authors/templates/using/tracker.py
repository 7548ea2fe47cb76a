"""A tracker: people of single frames to tracks."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from gait_plugins import Detection, Film, FilmFrame, Sighting, Tracker


class ExampleTracker(Tracker):
    """The nearest person of the next frame is the same one, where no other one is as near.

    Args:
        reach: how far a person may be from the last place, in heights of the body.
        memory: seconds after its last sighting when a track is over.
    """

    def __init__(self, reach: float = 0.5, memory: float = 1.0) -> None:
        self.reach, self.memory = reach, memory
        self.last: dict[int, tuple[float, float, float]] = {}
        self.newest = 0

    def begin(self, film: Film) -> None:
        """Forget the film before."""
        self.last, self.newest = {}, 0

    def update(self, frame: FilmFrame, people: Sequence[Detection]) -> Sequence[Sighting]:
        """Each person with the number of the track, each track at most once."""
        self.last = {n: place for n, place in self.last.items() if frame.time - place[2] <= self.memory}
        near = sorted(
            (distance, number, i)
            for i, person in enumerate(people)
            for number in self.last
            if (distance := self.distance(number, person)) <= self.reach
        )
        tracks: dict[int, int] = {}
        for _, number, i in near:
            if i not in tracks and number not in tracks.values():
                tracks[i] = number
        for i, person in enumerate(people):
            if i not in tracks:  # a new track does less harm than one of two people
                self.newest += 1
                tracks[i] = self.newest
            self.last[tracks[i]] = (*self.middle(person), frame.time)
        return [Sighting(tracks[i], person) for i, person in enumerate(people)]

    def distance(self, number: int, person: Detection) -> float:
        """From the track's last place, in heights of the person."""
        (x, y), (x0, y0, _) = self.middle(person), self.last[number]
        return hypot(x - x0, y - y0) / person.height

    @staticmethod
    def middle(person: Detection) -> tuple[float, float]:
        """Column and row of the middle of the body."""
        return person.left + person.width / 2, person.top + person.height / 2
