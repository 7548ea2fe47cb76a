"""Joining of tracks to people: one name at a time, and several tracks of one person where that is sure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gait_plugins.core.recognition.naming import Named
from gait_plugins.metrics import Metric, part_distances

SURE_MARGIN = 0.1
"""Share of the threshold by which the second person must be farther away than the first."""
SURE_ALONE = 0.75
"""Share of the threshold within which the only person of a gallery must be."""
SURE_UNKNOWN = 0.5
"""Share of the threshold within which tracks of somebody unknown are one person."""


@dataclass(frozen=True)
class Seen:
    """A track of a film and who it may be."""

    track: int
    begin: float
    """Time of its first sighting, in seconds since the first frame of the film."""
    end: float
    silhouettes: int
    named: Named
    remark: str = ""
    """What speaks against the name that it would bear."""

    @property
    def identity(self) -> str | None:
        """The name that it bears."""
        return None if self.remark else self.named.identity

    def at_once_with(self, other: Seen) -> bool:
        """Whether there is a time at which both are there."""
        return self.begin <= other.end and other.begin <= self.end

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        found = {"track": self.track, "from": round(self.begin, 3), "to": round(self.end, 3)}
        answer = {key: value for key, value in self.named.as_dict().items() if key != "identity"}
        return {**found, "silhouettes": self.silhouettes, **answer, "remark": self.remark}


@dataclass(frozen=True)
class Person:
    """Somebody in a film: one track or several, one after the other."""

    name: str | None
    """None: unknown."""
    label: str
    """The name, or ``unknown 1``, ``unknown 2`` and so on."""
    seen: tuple[Seen, ...]
    """By time."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"person": self.name, "label": self.label, "spans": [each.as_dict() for each in self.seen]}


def one_name_at_a_time(seen: Sequence[Seen]) -> list[Seen]:
    """The tracks, of which no two bear the same name at the same time: the nearer one keeps it.

    The other one is unknown, with a remark: to name the next person of its list would be a guess.
    """
    kept: list[Seen] = []
    for each in sorted(seen, key=lambda one: one.named.distance):
        rivals = [
            other
            for other in kept
            if each.identity is not None and other.identity == each.identity and other.at_once_with(each)
        ]
        if rivals:
            remark = (
                f"nearest to {each.identity}, as is track {rivals[0].track}, which is nearer and there at "
                "the same time"
            )
            each = replace(each, remark=remark)
        kept.append(each)
    return sorted(kept, key=lambda one: (one.begin, one.track))


def people_of(seen: Sequence[Seen], metric: Metric, join: bool = True) -> list[Person]:
    """The people whom tracks are of, by the time of their first sighting.

    Tracks of one name are joined where each is sure: within the threshold, and nearer to this person than to
    the next one by a tenth of the threshold. Tracks of somebody unknown are joined where all of them are
    within half of the threshold of each other. Tracks that are there at the same time are never joined, and
    nothing is where there is no threshold.

    Args:
        seen: the tracks of a film; no two bear the same name at the same time.
        metric: by which embeddings are compared.
        join: False makes each track a person.
    """
    groups: list[list[Seen]] = []
    ordered = sorted(seen, key=lambda one: (one.begin, one.track))
    for each in ordered:
        home = next((group for group in groups if join and _belongs(each, group, metric)), None)
        if home is None:
            groups.append([each])
        else:
            home.append(each)
    unknown = _numbers()
    people = []
    for group in groups:
        name = group[0].identity
        people.append(Person(name, f"unknown {next(unknown)}" if name is None else name, tuple(group)))
    return people


def _belongs(each: Seen, group: Sequence[Seen], metric: Metric) -> bool:
    if any(each.at_once_with(other) for other in group) or any(one.remark for one in (each, *group)):
        return False
    if each.identity != group[0].identity or each.named.threshold is None:
        return False
    if each.identity is not None:
        return all(_is_sure(one) for one in (each, *group))
    others = np.stack([other.named.embedding for other in group])
    distances = part_distances(each.named.embedding[None], others, metric)
    return bool(distances.max() <= SURE_UNKNOWN * each.named.threshold)


def _is_sure(seen: Seen) -> bool:
    named = seen.named
    if named.threshold is None or named.distance > named.threshold:
        return False
    if named.margin is None:
        return named.distance <= SURE_ALONE * named.threshold
    return named.margin >= SURE_MARGIN * named.threshold


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number
