"""Film people: who is seen in a film, from when to when, and the film with their names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gait_plugins.api.progress import Job
from gait_plugins.api.video.frames import Film
from gait_plugins.config.film_section import VideoSection
from gait_plugins.config.loading import load_video
from gait_plugins.core.recognition.joining import Person, Seen, one_name_at_a_time, people_of
from gait_plugins.core.recognition.looks import embed_tracks, require_streams
from gait_plugins.core.recognition.naming import Namer
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.tools.embeddings import Embeddings
from gait_plugins.errors import DataError
from gait_plugins.films.annotated import AnnotatedFilm, Marked, colour_of
from gait_plugins.films.following import LEFT_OUT, Outcome
from gait_plugins.films.passage import Passage
from gait_plugins.films.reading import FilmSource
from gait_plugins.films.tracks import Track
from gait_plugins.io.folders import unwritable

NUMBERS = ("distance", "threshold", "margin")
COLUMNS = ("film", "person", "track", "from", "to", "silhouettes", *NUMBERS, "remark")
"""Of the table of people."""
_AT_ONCE = 1500
"""Silhouettes that wait to be embedded together."""
_UNKNOWN = (170, 170, 170)


class Place(NamedTuple):
    """Where a track was seen: small, for there are as many as sightings in the film."""

    frames: np.ndarray
    """Numbers of frames, int32 ``[n]``."""
    boxes: np.ndarray
    """int16 ``[n, 4]``: left, top, right, bottom."""


class Followed(NamedTuple):
    """A track that became a sequence, without its silhouettes."""

    track: int
    begin: float
    end: float
    silhouettes: int


@dataclass
class FilmTracks:
    """The tracks of a film: their embeddings and times."""

    film: Film
    frames: int = 0
    seconds: float = 0.0
    tracks: list[Followed] = field(default_factory=list)
    embeddings: Embeddings | None = None
    """Of each; None where there is no track."""
    places: dict[int, list[Place]] = field(default_factory=dict)
    """Track -> where it was seen; of all tracks, where that was asked for."""
    left_out: Counter[Outcome] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FilmPeople:
    """Who was seen in a film."""

    found: FilmTracks
    people: list[Person]
    """By the time of their first sighting; empty for nobody."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        film = self.found.film
        return {
            "film": film.name,
            "width": film.width,
            "height": film.height,
            "frames": self.found.frames,
            "seconds": round(self.found.seconds, 3),
            "people": [person.as_dict() for person in self.people],
            "left_out": {reason: self.found.left_out[reason] for reason in LEFT_OUT},
            "remarks": self.found.remarks,
        }

    def rows(self) -> Iterator[list[object]]:
        """The table of :data:`COLUMNS`: a row for each track."""
        for person in self.people:
            for seen in person.seen:
                named = seen.named.as_dict()
                known = [seen.track, round(seen.begin, 3), round(seen.end, 3), seen.silhouettes]
                numbers = ["" if named[key] is None else named[key] for key in NUMBERS]
                yield [self.found.film.name, person.label, *known, *numbers, seen.remark]


def video_of(embedder: Embedder) -> VideoSection:
    """The section of films of a model's configuration, or its defaults."""
    return embedder.config.video_cfg or load_video()


def follow_film(
    source: FilmSource, video: VideoSection, embedder: Embedder, keep_places: bool = False
) -> FilmTracks:
    """Follow the people of a film and embed each track when it is over; its silhouettes are then forgotten.

    Args:
        source: the film.
        video: how people are found, and which tracks become sequences.
        embedder: the model.
        keep_places: where each track was seen, for drawing.

    Raises:
        DataError: the film cannot be read or segmented in this way, or an embedding is NaN.
        ConfigError: the model takes what films do not give.
    """
    require_streams(embedder, video.pose_estimator is not None)
    found, passage, embedded = FilmTracks(source.film), Passage(source, video), _Embedded(embedder)
    for track in passage.tracks():
        if keep_places:
            found.places.setdefault(track.number, []).append(_place(track))
        outcome = passage.follower.outcome(track)
        if outcome == "sequence":
            embedded.add(track)
        else:
            found.left_out[outcome] += 1
    found.tracks, found.embeddings = embedded.whole()
    found.frames, found.seconds, found.remarks = passage.frames, passage.seconds, passage.remarks
    return found


def name_people(found: FilmTracks, namer: Namer, join: bool = True) -> FilmPeople:
    """Name the tracks of a film.

    Args:
        found: its tracks.
        namer: model and gallery.
        join: tracks of one person are joined where that is sure.

    Raises:
        DataError: the gallery is empty or damaged.
    """
    if found.embeddings is None:
        return FilmPeople(found, [])
    answers = namer.find(found.embeddings)
    seen = [Seen(*track, named=named) for track, named in zip(found.tracks, answers, strict=True)]
    return FilmPeople(found, people_of(one_name_at_a_time(seen), namer.metric, join))


def draw_people(source: FilmSource, people: FilmPeople, path: Path) -> None:
    """Write the film with a box and a name for each person; it appears when it is whole.

    Args:
        source: the film, which is read once more.
        people: who is in it; places were kept.
        path: the ``.mp4`` to write.

    Raises:
        DataError: OpenCV cannot write films there, or the film is the one that is read.
    """
    by_frame = _Marks(people)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial.mp4")
    try:
        with (
            AnnotatedFilm(partial, source.film) as drawn,
            Job("drawing names", people.found.frames, "frame") as job,
        ):
            for frame in source.frames():
                drawn.mark(frame, by_frame.of(frame.number))
                job.advance()
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def check_drawing(source: FilmSource, path: Path) -> None:
    """See before the work that a film with names can be written there.

    Raises:
        DataError: it is the film itself, or no ``.mp4``, or the folder does not exist or is read-only.
    """
    if path.suffix.lower() != ".mp4":
        raise DataError(
            f"a film with names is written as .mp4, got {path.suffix or 'a name without an ending'}",
            where=str(path),
            hint=f"--annotated {path.with_suffix('.mp4')}",
        )
    if path.exists() and path.samefile(source.path):
        raise DataError("this is the film itself", where=str(path), hint="choose another name")
    if not path.parent.exists():
        raise DataError("the folder does not exist", where=str(path.parent), hint="make it first")
    if reason := unwritable(path):
        raise DataError(f"the film cannot be written: {reason}", where=str(path), hint="choose another name")


class _Embedded:
    """Embeddings of the tracks so far; the parts of a long one become one track."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._waiting: list[Track] = []
        self._tracks: list[Followed] = []
        self._found: Embeddings | None = None

    def add(self, track: Track) -> None:
        self._waiting.append(track)
        if sum(len(each.frames) for each in self._waiting) >= _AT_ONCE:
            self._embed()

    def _embed(self) -> None:
        if not self._waiting:
            return
        new = embed_tracks(self._embedder, self._waiting)
        self._found = new if self._found is None else self._found.extended(new)
        for track in self._waiting:
            self._tracks.append(Followed(track.number, track.rows[0].time, track.last, len(track.frames)))
        self._waiting = []

    def whole(self) -> tuple[list[Followed], Embeddings | None]:
        """The tracks by the time of their first sighting, and an embedding of each."""
        self._embed()
        if self._found is None:
            return [], None
        parts: dict[int, list[int]] = {}
        for place, track in enumerate(self._tracks):
            parts.setdefault(track.track, []).append(place)
        tracks, values = [], []
        for places in parts.values():
            own = [self._tracks[place] for place in places]
            weights = np.array([each.silhouettes for each in own], np.float32)
            tracks.append(Followed(own[0].track, own[0].begin, own[-1].end, int(weights.sum())))
            values.append(np.average(self._found.embeddings[places], 0, weights).astype(np.float32))
        order = sorted(range(len(tracks)), key=lambda place: tracks[place][1:])
        names = np.array([f"track {tracks[place].track}" for place in order])
        whole = self._found.rows(np.zeros(len(tracks), int))
        whole = replace(whole, embeddings=np.stack([values[place] for place in order]), names=names)
        return [tracks[place] for place in order], whole


def _place(track: Track) -> Place:
    rows = np.array([(row.frame, row.left, row.top, row.right, row.bottom) for row in track.rows])
    return Place(rows[:, 0].astype(np.int32), rows[:, 1:].astype(np.int16))


class _Marks:
    """The boxes of each frame; frames come in their order."""

    def __init__(self, people: FilmPeople) -> None:
        labels: dict[int, tuple[str, tuple[int, int, int]]] = {}
        for number, person in enumerate(people.people, 1):
            colour = _UNKNOWN if person.name is None else colour_of(number)
            labels.update({seen.track: (person.label, colour) for seen in person.seen})
        shown = [(track, place) for track, places in people.found.places.items() for place in places]
        shown = [each for each in shown if each[0] in labels]
        self._frames = np.concatenate([place.frames for _, place in shown] or [np.zeros(0, np.int32)])
        self._boxes = np.concatenate([place.boxes for _, place in shown] or [np.zeros((0, 4), np.int16)])
        self._tracks = np.repeat([track for track, _ in shown], [len(place.frames) for _, place in shown])
        self._order = np.argsort(self._frames, kind="stable")
        self._sorted = self._frames[self._order]
        self._labels = labels

    def of(self, number: int) -> Sequence[Marked]:
        first, last = np.searchsorted(self._sorted, [number, number + 1])
        found = []
        for place in self._order[first:last].tolist():
            left, top, right, bottom = self._boxes[place].tolist()
            found.append(Marked((left, top, right, bottom), *self._labels[int(self._tracks[place])]))
        return found
