"""Truth of a film: who is in which track, by the overlap of boxes, and how many names are right."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gait_plugins.core.recognition.film_people import FilmPeople, Place
from gait_plugins.errors import DataError

LEAST_OVERLAP = 0.3
"""Intersection over union of two boxes from which on they show the same person."""
_BOX = ("left", "top", "right", "bottom")


class Shown(NamedTuple):
    """Whom a track shows."""

    identity: str
    share: float
    """Of the frames in which its box is anybody's: those in which it is this person's, in (0, 1]."""


class FilmTruth:
    """Who is where in a film.

    Args:
        table: a row for each person in each frame; see :meth:`read`.

    Raises:
        DataError: the file is no such table.
    """

    def __init__(self, identities: Sequence[str], frames: np.ndarray, boxes: np.ndarray) -> None:
        self._identities = np.array(identities, np.str_)
        order = np.argsort(frames, kind="stable")
        self._identities, self._frames, self._boxes = self._identities[order], frames[order], boxes[order]

    @classmethod
    def read(cls, table: Path) -> FilmTruth:
        """The truth that a table tells: columns ``frame``, ``identity``, ``left``, ``top``, ``right`` and
        ``bottom``, others beside them; a row for each person in each frame.

        Raises:
            DataError: the file cannot be read, or is no such table.
        """
        try:
            with open(table, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            numbers = np.array([[int(row[key]) for key in ("frame", *_BOX)] for row in rows], np.int64)
            identities = [row["identity"] for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"this is no table of the people in a film: {error}",
                where=str(table),
                hint=f"expected columns frame, identity, {', '.join(_BOX)}",
            ) from error
        numbers = numbers.reshape(-1, 5)
        return cls(identities, numbers[:, 0], numbers[:, 1:])

    def shown(self, places: Mapping[int, Sequence[Place]]) -> dict[int, Shown]:
        """Track -> whom it shows in most of its frames; tracks that show nobody are left out.

        Args:
            places: where each track was seen.
        """
        found = {}
        for track, parts in places.items():
            seen = Counter(
                identity
                for part in parts
                for frame, box in zip(part.frames.tolist(), part.boxes, strict=True)
                if (identity := self._whose(frame, box)) is not None
            )
            if seen:
                identity, count = seen.most_common(1)[0]
                found[track] = Shown(identity, count / seen.total())
        return found

    def _whose(self, frame: int, box: np.ndarray) -> str | None:
        first, last = np.searchsorted(self._frames, [frame, frame + 1])
        if first == last:
            return None
        overlaps = _overlaps(box.astype(np.int64), self._boxes[first:last])
        best = int(overlaps.argmax())
        return str(self._identities[first + best]) if overlaps[best] >= LEAST_OVERLAP else None


@dataclass(frozen=True)
class NameScore:
    """How the names of the tracks of a film compare with the truth: tracks of each kind."""

    right: int = 0
    """Of enrolled people, with their names."""
    wrong: int = 0
    """Of enrolled people, with the name of somebody else."""
    missed: int = 0
    """Of enrolled people, unknown."""
    refused: int = 0
    """Of people who are not enrolled, unknown."""
    taken: int = 0
    """Of people who are not enrolled, with a name."""
    nobody: int = 0
    """That show no person of the truth."""

    def as_dict(self) -> dict[str, int]:
        """As JSON holds it."""
        return asdict(self)

    @property
    def enrolled(self) -> int:
        """Tracks of enrolled people."""
        return self.right + self.wrong + self.missed

    @property
    def strangers(self) -> int:
        """Tracks of people who are not enrolled."""
        return self.refused + self.taken


def score_names(people: FilmPeople, shown: Mapping[int, Shown], enrolled: Collection[str]) -> NameScore:
    """Compare the names of the tracks of a film with the truth.

    Args:
        people: who was named.
        shown: whom each track shows; see :meth:`FilmTruth.shown`.
        enrolled: identities of the gallery.
    """
    kinds: Counter[str] = Counter()
    for person in people.people:
        for seen in person.seen:
            true = shown.get(seen.track)
            kinds[_kind(person.name, None if true is None else true.identity, enrolled)] += 1
    return NameScore(**kinds)


def _kind(name: str | None, true: str | None, enrolled: Collection[str]) -> str:
    if true is None:
        return "nobody"
    if true not in enrolled:
        return "refused" if name is None else "taken"
    if name is None:
        return "missed"
    return "right" if name == true else "wrong"


def _overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box ``[4]`` with boxes ``[n, 4]``: left, top, right, bottom."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common = np.maximum(sides, 0).prod(1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - common
    return np.asarray(common / np.maximum(union, 1))
