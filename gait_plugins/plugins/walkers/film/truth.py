"""The truth beside a film: a film of labels, a table of boxes, and the MOT challenge's own files."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

from gait_plugins.plugins.walkers.film.pictures import Picture, Placed, Plan

COLUMNS = (
    *("frame", "time", "track", "identity", "type", "left", "top", "right", "bottom"),
    *("shown", "cut", "standing", "view", "distance", "colour"),
)
"""Of the table of boxes."""
LEAST_SHOWN = 0.1
"""Share of a body that is seen from which on a box counts in the MOT challenge's file."""
_SPREAD, _BACK = 0x9E3779, pow(0x9E3779, -1, 1 << 24)


def colour_of(track: int) -> tuple[int, int, int]:
    """Blue, green and red of a track in the film of labels: every track has its own, and none is black."""
    code = track * _SPREAD % (1 << 24)
    return code >> 16, code >> 8 & 255, code & 255


def tracks_of(pixels: np.ndarray) -> np.ndarray:
    """The tracks of a frame of labels, int32 ``[h, w]``, 0 where nobody is.

    Args:
        pixels: uint8 BGR ``[h, w, 3]``, as OpenCV reads them.
    """
    blue, green, red = (pixels[..., channel].astype(np.int64) for channel in range(3))
    return np.asarray(((blue << 16 | green << 8 | red) * _BACK % (1 << 24)).astype(np.int32))


@dataclass
class Seen:
    """What became of one passage before the camera.

    Args:
        track: its number.
        identity: whose it is.
        kind: type of the walk.
        first, last: frames in which the person is seen first and last.
        frames: number of frames in which the person is seen.
        whole: in how many of them nothing of the body is hidden or cut by the border.
        standing: in how many the person stands.
    """

    track: int
    identity: str
    kind: str
    first: int
    last: int = 0
    frames: int = 0
    whole: int = 0
    standing: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As the report holds it."""
        named = {"track": self.track, "identity": self.identity, "type": self.kind}
        counts = {"first": self.first, "last": self.last, "frames": self.frames}
        return {**named, **counts, "whole": self.whole, "standing": self.standing}


@dataclass
class Truth:
    """What a film shows.

    Args:
        film: the film.
        plan: what it was made from.
        tracks: everybody who was seen, by the frame in which that began; one who comes back is a new track.
        missing: identities that were to be in the film, and are never seen.
    """

    film: Path
    plan: Plan
    tracks: list[Seen] = field(default_factory=list)

    @property
    def labels(self) -> Path:
        """The film of labels."""
        return self.film.with_name(f"{self.film.stem}-labels.avi")

    @property
    def table(self) -> Path:
        """The table of boxes."""
        return self.film.with_suffix(".csv")

    @property
    def mot(self) -> Path:
        """The folder with ``gt/gt.txt`` and ``seqinfo.ini``."""
        return self.film.with_suffix("")

    @property
    def missing(self) -> list[str]:
        """Identities that were to be in the film, and are never seen."""
        seen = {track.identity for track in self.tracks}
        return [name for name in map(name_of, self.plan.people) if name not in seen]

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        plan = self.plan
        width, height = plan.size
        film = {"name": self.film.stem, "width": width, "height": height, "rate": plan.rate}
        made = {"seed": plan.seed, "take": plan.take, "camera": plan.camera, "crowd": plan.crowd}
        return {
            "film": {**film, "frames": plan.frames},
            **made,
            "noise": plan.noise,
            "light": plan.light,
            "people": [name_of(person) for person in plan.people],
            "missing": self.missing,
            "tracks": [track.as_dict() for track in self.tracks],
        }


def name_of(person: int) -> str:
    """The identity of a walker, as the data set names it."""
    return f"{person:03d}"


class TruthFiles:
    """Writes the truth of a film, frame by frame.

    Args:
        truth: what is told of the film; it is filled.
        table: the table of boxes, open for writing.
        boxes: ``gt.txt``, open for writing.
        labels: the film of labels, open for writing; None: there is none.
    """

    def __init__(
        self, truth: Truth, table: BinaryIO, boxes: BinaryIO, labels: cv2.VideoWriter | None
    ) -> None:
        self._truth, self._boxes, self._labels = truth, boxes, labels
        self._table = table
        self._known: dict[int, Seen] = {}
        table.write((",".join(COLUMNS) + "\n").encode())

    def write(self, picture: Picture) -> None:
        """One frame."""
        if self._labels is not None:
            self._labels.write(_coloured(picture.tracks))
        for person in sorted(picture.people, key=lambda person: person.body.passage.track):
            self._table.write(_row(picture, person))
            self._boxes.write(_mot_row(picture, person))
            self._count(picture.number, person)

    def _count(self, frame: int, person: Placed) -> None:
        if not person.shown:
            return
        one = person.body.passage
        seen = self._known.get(one.track)
        if seen is None:
            seen = self._known[one.track] = Seen(one.track, name_of(one.person), one.kind, frame)
            self._truth.tracks.append(seen)
        seen.last = frame
        seen.frames += 1
        seen.whole += int(person.shown == 1)
        seen.standing += int(person.body.still > 0.5)


def sequence_info(name: str, plan: Plan) -> str:
    """The MOT challenge's ``seqinfo.ini``."""
    width, height = plan.size
    lines = [
        *("[Sequence]", f"name={name}", "imDir=img1", f"frameRate={plan.rate:g}"),
        *(f"seqLength={plan.frames}", f"imWidth={width}", f"imHeight={height}", "imExt=.png", ""),
    ]
    return "\n".join(lines)


def _coloured(tracks: np.ndarray) -> np.ndarray:
    pixels = np.zeros((*tracks.shape, 3), np.uint8)
    for track in np.unique(tracks[tracks > 0]):
        pixels[tracks == track] = colour_of(int(track))
    return pixels


def _row(picture: Picture, person: Placed) -> bytes:
    body = person.body
    one = body.passage
    text = io.StringIO()
    blue, green, red = colour_of(one.track)
    csv.writer(text, lineterminator="\n").writerow(
        (
            *(picture.number, round(picture.time, 3), one.track, name_of(one.person), one.kind),
            *person.box,
            *(f"{person.shown:.4f}", int(person.cut), int(body.still > 0.5)),
            *(f"{body.view:.1f}", f"{body.distance:.2f}", f"#{red:02x}{green:02x}{blue:02x}"),
        )
    )
    return text.getvalue().encode()


def _mot_row(picture: Picture, person: Placed) -> bytes:
    """Frame and box count from 1; whether it counts, that it is a pedestrian, and how much of it is seen."""
    left, top, right, bottom = person.box
    box = f"{left + 1},{top + 1},{right - left},{bottom - top}"
    counts = int(person.shown >= LEAST_SHOWN)
    row = f"{picture.number + 1},{person.body.passage.track},{box},{counts},1,{person.shown:.4f}\n"
    return row.encode()
