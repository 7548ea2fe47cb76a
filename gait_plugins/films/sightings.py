"""Sightings on disk: who was seen in each frame of a chapter, to draw the annotated film anew."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from gait_plugins.api.video.frames import FilmFrame
from gait_plugins.api.video.people import HALF, Detection, Sighting


class SightingLog:
    """Writes the sightings of a chapter as they come; to be used by ``with``.

    Args:
        path: the file, one line for each frame in which somebody is seen.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = gzip.open(path, "wt", compresslevel=1, encoding="ascii")  # noqa: SIM115

    def write(self, frame: FilmFrame, sightings: Sequence[Sighting]) -> None:
        """The people of a frame."""
        if sightings:
            self._file.write(json.dumps([frame.number, [_packed(each) for each in sightings]]) + "\n")

    def close(self) -> None:
        """End the file, and bring it to disk."""
        self._file.close()
        with open(self._path, "rb+") as file:
            os.fsync(file.fileno())

    def __enter__(self) -> SightingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def logged_sightings(paths: Sequence[Path]) -> Iterator[tuple[int, list[Sighting]]]:
    """Number of each frame in which somebody was seen, and who: with masks of 0 and 255."""
    for path in paths:
        with gzip.open(path, "rt", encoding="ascii") as file:
            for line in file:
                number, listed = json.loads(line)
                yield number, [_unpacked(*each) for each in listed]


def _packed(sighting: Sighting) -> list[object]:
    person = sighting.person
    bits = base64.b64encode(np.packbits(person.mask > HALF).tobytes()).decode()
    return [sighting.track, sighting.trouble, person.left, person.top, *person.mask.shape, bits]


def _unpacked(track: int, trouble: str, left: int, top: int, height: int, width: int, bits: str) -> Sighting:
    packed = np.frombuffer(base64.b64decode(bits), np.uint8)
    mask = np.unpackbits(packed, count=height * width).reshape(height, width) * np.uint8(255)
    return Sighting(track, Detection(left, top, mask), trouble)  # type: ignore[arg-type]
