"""Tracks of a film: the silhouettes, times and boxes of each, and how good it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from gait_plugins.api.video.frames import FilmFrame
from gait_plugins.api.video.people import HALF, Detection, Sighting, Trouble
from gait_plugins.films.gait import gait_of, stands
from gait_plugins.prepare.align import align_mask

MOST_HELD = 5000
"""Silhouettes of one track that are held in memory: a longer track is written in several parts."""
MOST_ROWS = 4 * MOST_HELD
"""Sightings of one track that are held in memory, likewise."""
CROPS, CROP_HEIGHT, CROP_WIDTH = 16, 80, 52
"""Pictures of a track for the contact sheet, and their size."""


@dataclass(frozen=True)
class Row:
    """One sighting, as it stands in the table of times and boxes."""

    frame: int
    time: float
    left: int
    top: int
    right: int
    bottom: int
    trouble: Trouble
    silhouette: int | None
    """Its place in the sequence; None: the frame was left out."""
    score: float = 1.0
    """How sure the segmenter is that it is a person."""


@dataclass(frozen=True)
class Quality:
    """How good a track is."""

    begin: float
    """Time of the first sighting, in seconds since the first frame of the film."""
    end: float
    seen: int
    """Frames in which it was seen."""
    silhouettes: int
    """Frames of which there is a silhouette."""
    merged: int
    """Frames left out because the body touched another: the overlap."""
    hidden: int
    """Frames left out because a part of the body was hidden."""
    border: int
    """Frames left out because the border of the picture cut the body."""
    standing: int
    """Frames left out because the person stood."""
    height: float
    """Median height of the person, in pixels of the film, where the view is clean."""
    move: float
    """How far it went, in heights of the person."""
    cycles: float
    """Gait cycles, of two steps each, that the silhouettes show."""
    score: float
    """Median of how sure the segmenter is that it is a person."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it, times to the millisecond."""
        found = asdict(self)
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()}


@dataclass
class Track:
    """What is held of one track, or of its newest part."""

    number: int
    size: int
    first: float
    last: float = 0.0
    part: int = 0
    frames: list[np.ndarray] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    joints: list[np.ndarray] = field(default_factory=list)
    """Keypoints of each silhouette, float32 ``[joints, 3]``, where an estimator finds them."""
    crops: list[np.ndarray] = field(default_factory=list)
    _clean: int = 0
    _every: int = 1

    def see(self, frame: FilmFrame, sighting: Sighting, joints: np.ndarray | None = None) -> None:
        """Take the silhouette of a clean view, and note any other."""
        person, place, trouble = sighting.person, None, sighting.trouble
        self.last = frame.time
        if not trouble:
            binary = np.asarray(cv2.threshold(person.mask, HALF, 255, cv2.THRESH_BINARY)[1])
            silhouette = align_mask(binary, self.size)
            if silhouette is None:
                trouble = "hidden"
            else:
                place = len(self.frames)
                self.frames.append(silhouette)
                if joints is not None:
                    self.joints.append(joints)
                self._keep_crop(frame, person)
        self.rows.append(Row(frame.number, frame.time, *person.box, trouble, place, person.score))

    def _keep_crop(self, frame: FilmFrame, person: Detection) -> None:
        if self._clean % self._every == 0:
            self.crops.append(crop(frame.pixels, person))
            if len(self.crops) > 2 * CROPS:
                self.crops = self.crops[::2]
                self._every *= 2
        self._clean += 1

    def sheet(self) -> np.ndarray:
        """Pictures from all parts of the track, uint8 ``[n, 3, h, w]``: red, green, blue."""
        spread = np.linspace(0, len(self.crops) - 1, min(CROPS, len(self.crops))).round().astype(int)
        return np.stack([self.crops[place] for place in spread]).transpose(0, 3, 1, 2)[:, ::-1].copy()

    def quality(self) -> Quality:
        """How good this part of the track is."""
        troubles = Counter(row.trouble for row in self.rows)
        boxes = _boxes([row for row in self.rows if row.trouble in ("", "standing")] or self.rows)
        height = float(np.median(boxes[:, 3] - boxes[:, 1]))
        middles = (boxes[:, 0] + boxes[:, 2]) / 2
        move = float(max(np.ptp(middles), np.ptp(boxes[:, 3]))) / max(height, 1.0)
        return Quality(
            self.rows[0].time,
            self.last,
            len(self.rows),
            len(self.frames),
            troubles["merged"],
            troubles["hidden"],
            troubles["border"],
            troubles["standing"],
            height,
            move,
            gait_of(self.frames, self.times()).cycles,
            float(np.median([row.score for row in self.rows])),
        )

    def times(self) -> np.ndarray:
        """When each silhouette was seen, seconds ``[t]``."""
        return np.array([row.time for row in self.rows if row.silhouette is not None])

    def leave_out_standing(self) -> None:
        """Take the frames in which the person stands out of the sequence; they stay in the table."""
        clean = [place for place, row in enumerate(self.rows) if row.silhouette is not None]
        standing = stands(self.frames, self.times(), _boxes([self.rows[place] for place in clean]))
        if not standing.any():
            return
        kept = 0
        for place, stood in zip(clean, standing.tolist(), strict=True):
            row = self.rows[place]
            if stood:
                self.rows[place] = replace(row, trouble="standing", silhouette=None)
            else:
                self.rows[place] = replace(row, silhouette=kept)
                kept += 1
        walking = np.flatnonzero(~standing).tolist()
        self.frames = [self.frames[place] for place in walking]
        self.joints = [self.joints[place] for place in walking] if self.joints else []

    def next_part(self, kept: bool) -> Track:
        """The track from here on, where this part is full; a part that is not kept takes no number."""
        return Track(self.number, self.size, self.last, part=self.part + kept)


def _boxes(rows: Sequence[Row]) -> np.ndarray:
    return np.array([(row.left, row.top, row.right, row.bottom) for row in rows], float).reshape(-1, 4)


def crop(pixels: np.ndarray, person: Detection) -> np.ndarray:
    """The person's box in a picture of fixed size, uint8 ``[80, 52, 3]``, dark beside the person."""
    left, top, right, bottom = person.box
    cut = pixels[top:bottom, left:right].copy()
    outside = person.mask <= HALF
    cut[outside] = cut[outside] // 3
    scale = min(CROP_HEIGHT / cut.shape[0], CROP_WIDTH / cut.shape[1])
    size = max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))
    small = cv2.resize(cut, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    framed = np.zeros((CROP_HEIGHT, CROP_WIDTH, 3), np.uint8)
    row, column = (CROP_HEIGHT - size[1]) // 2, (CROP_WIDTH - size[0]) // 2
    framed[row : row + size[1], column : column + size[0]] = small
    return framed
