"""Annotated films: the frames with the box and the number of each track, written as they come."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import cv2
import numpy as np

from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.api.video.people import HALF, Box, Sighting
from gait_plugins.errors import DataError
from gait_plugins.prepare.masks.streams import in_utf8

_TROUBLED = (160, 160, 160)
_MOST_COLUMNS = 1280
"""Columns of the annotated film, at most: it is for looking at."""


class Marked(NamedTuple):
    """A box in a frame, with a text."""

    box: Box
    text: str
    colour: tuple[int, int, int]
    """Blue, green, red."""


class AnnotatedFilm:
    """Writes an .mp4 with what was seen; to be used by ``with``.

    Args:
        path: the file, which lies in a folder that exists.
        film: the film that it is made of.

    Raises:
        DataError: OpenCV cannot write films there; or, at the end, could not write all of it.
    """

    def __init__(self, path: Path, film: Film) -> None:
        scale = min(1.0, _MOST_COLUMNS / film.width)
        self._path, self._frames = path, 0
        # Codecs want even sizes.
        self._size = max(2, round(film.width * scale) // 2 * 2), max(2, round(film.height * scale) // 2 * 2)
        self._scale = self._size[0] / film.width, self._size[1] / film.height
        code = cv2.VideoWriter.fourcc(*"mp4v")
        with in_utf8(path) as name:
            self._writer = cv2.VideoWriter(name, code, min(max(film.rate, 1.0), 120.0), self._size)
        if not self._writer.isOpened():
            raise DataError(
                "the annotated film cannot be written: OpenCV opens no file there, or has no mp4v",
                where=str(path),
                hint="check that you may write there, or leave the annotated film out",
            )

    def write(self, frame: FilmFrame, sightings: Sequence[Sighting]) -> None:
        """One frame with its tracks: coloured where the view is clean, grey with the trouble where not."""
        shown = self._shown(frame)
        for sighting in sightings:
            self._draw(shown, sighting)
        self._put(shown)

    def mark(self, frame: FilmFrame, marks: Sequence[Marked]) -> None:
        """One frame with boxes and texts on a ground of their colour."""
        shown = self._shown(frame)
        for mark in marks:
            left, top, right, bottom = self._box(mark.box)
            cv2.rectangle(shown, (left, top), (right - 1, bottom - 1), mark.colour, 2)
            text = _ascii(mark.text)
            (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
            left = min(left, max(0, shown.shape[1] - width - 4))
            foot = top if top > height + base + 4 else min(bottom + height + base + 4, shown.shape[0])
            cv2.rectangle(shown, (left, foot - height - base - 4), (left + width + 4, foot), mark.colour, -1)
            place = left + 2, foot - base - 1
            cv2.putText(shown, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        self._put(shown)

    def _put(self, shown: np.ndarray) -> None:
        self._writer.write(shown)
        self._frames += 1

    def _shown(self, frame: FilmFrame) -> np.ndarray:
        if (frame.pixels.shape[1], frame.pixels.shape[0]) == self._size:
            return frame.pixels.copy()
        return np.asarray(cv2.resize(frame.pixels, self._size, interpolation=cv2.INTER_AREA))

    def _box(self, box: Box) -> Box:
        """A box in pixels of the annotated film."""
        across, down = self._scale
        left, top, right, bottom = box
        return round(left * across), round(top * down), round(right * across), round(bottom * down)

    def _draw(self, shown: np.ndarray, sighting: Sighting) -> None:
        left, top, _, _ = sighting.person.box
        box = self._box(sighting.person.box)
        colour = _TROUBLED if sighting.trouble else colour_of(sighting.track)
        if not sighting.trouble and self._scale == (1.0, 1.0):
            outline, _ = cv2.findContours(
                (sighting.person.mask > HALF).astype(np.uint8),
                cv2.RETR_EXTERNAL,
                cv2.CHAIN_APPROX_SIMPLE,
                offset=(left, top),
            )
            cv2.drawContours(shown, outline, -1, colour, 1)
        cv2.rectangle(shown, box[:2], (box[2] - 1, box[3] - 1), colour, 1)
        text = f"{sighting.track} {sighting.trouble}".rstrip()
        place = box[0], box[1] - 4 if box[1] > 14 else box[3] + 12
        cv2.putText(shown, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)

    def __enter__(self) -> AnnotatedFilm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.release()
        if error is None and not self._is_whole():
            raise DataError(
                "the annotated film could not be written to its end",
                where=str(self._path),
                hint="see whether the disk is full, or leave the annotated film out",
            )

    def _is_whole(self) -> bool:
        """OpenCV says nothing of a full disk; but then the index is missing, which is written at last."""
        with in_utf8(self._path) as name:
            written = cv2.VideoCapture(name)
        try:
            return bool(written.isOpened()) and written.get(cv2.CAP_PROP_FRAME_COUNT) >= 0.9 * self._frames
        finally:
            written.release()


def colour_of(track: int) -> tuple[int, int, int]:
    """Blue, green and red of a track: those of neighbouring numbers are far apart."""
    hue = np.array([[[track * 67 % 180, 200, 255]]], np.uint8)
    blue, green, red = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0]
    return int(blue), int(green), int(red)


def _ascii(text: str) -> str:
    """A text in the letters that OpenCV draws: without accents, and ? for what is left."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return "".join(each if 32 <= ord(each) < 127 else "?" for each in plain)
