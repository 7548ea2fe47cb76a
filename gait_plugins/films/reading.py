"""Reading of films: frames with their times from a file or a folder of pictures, one in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.errors import DataError
from gait_plugins.films.picture_folders import picture_frames, picture_paths
from gait_plugins.io.folders import is_special
from gait_plugins.prepare.masks.streams import in_utf8

USUAL_RATE = 25.0
"""Frames per second of a film that does not say: of pictures in a folder."""
MOST_RATE = 50.0
"""Frames per second up to which every frame is read; of faster films every second, third and so on."""
_PROBED = 25
_ENOUGH = 0.9
_LOSSLESS = {"FFV1", "HFYU", "FFVH", "PNG ", "MPNG"}
_CONVERT = "copy the film again, or convert it: ffmpeg -i FILM -c:v libx264 -pix_fmt yuv420p NEW.mp4"


class FilmSource:
    """A film whose frames can be read from the start as often as wanted.

    Args:
        path: a film, or a folder of pictures, which are its frames in the order of their numbers.
        most: frames per second to read at most; None: :data:`MOST_RATE`.

    Raises:
        DataError: there is no film, or no frame of it can be read.
    """

    def __init__(self, path: Path | str, most: float | None = None) -> None:
        self.path = Path(path)
        self.every = 1
        """Each how many-th frame is read."""
        self.remarks: list[str] = []
        """What is odd about the film, in words; complete once its frames have been read."""
        self._most = most or MOST_RATE
        self._duration = 0.0
        if not self.path.exists():
            raise DataError(
                "the film does not exist",
                where=str(self.path),
                hint=f"relative paths start at the working directory ({os.getcwd()})",
            )
        if is_special(self.path):
            raise DataError(
                "the film is a pipe, socket or device, expected a file that can be read twice",
                where=str(self.path),
                hint="copy it into a file first",
            )
        self.film = self._of_folder() if self.path.is_dir() else self._of_file()

    def frames(self) -> Reading:
        """The frames, from the first on; each array is a new one.

        Raises:
            DataError: a frame has another size than the first; raised as it is read.
        """
        return Reading(self._checked)

    def _checked(self, reading: Reading) -> Generator[FilmFrame]:
        found = self._pictures(reading) if self.path.is_dir() else self._decoded(reading)
        shape = self.film.height, self.film.width, 3
        for frame in found:
            if frame.pixels.shape != shape:
                raise DataError(
                    f"frame {frame.number} is {_size(frame.pixels)}, the first one {_size_of(shape)}: a "
                    "film has frames of one size",
                    where=str(self.path),
                    hint="cut the film where its size changes",
                )
            yield frame

    def _of_folder(self) -> Film:
        paths = picture_paths(self.path)
        first = next(picture_frames(paths[:1]))
        height, width = first.shape[:2]
        name = self.path.resolve().name
        return Film(name, width, height, USUAL_RATE, len(paths), lossless=_are_lossless(paths))

    def _pictures(self, reading: Reading) -> Iterator[FilmFrame]:
        for number, pixels in enumerate(picture_frames(picture_paths(self.path))):
            if reading.wants(number):
                yield FilmFrame(number, number / self.film.rate, pixels)

    def _of_file(self) -> Film:
        with in_utf8(self.path) as name:
            video = cv2.VideoCapture(name)
        try:
            rate, count = (video.get(key) for key in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
            code = (int(video.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF).to_bytes(4, "little")
            probed = list(islice(_read(video, rate), _PROBED))
        finally:
            video.release()
        if not probed:
            raise self._unreadable()
        # What the container says of frames per second may be anything; what counts are the frames' times.
        times = np.array([frame.time for frame in probed])
        own = (
            1 / float(np.median(np.diff(times))) if len(times) > 1 else rate if _is_rate(rate) else USUAL_RATE
        )
        self._duration = count / rate if _is_rate(rate) and count > 0 else 0.0
        self.every = max(1, round(own / (self._most * 0.6))) if own > self._most * 1.2 else 1
        if self.every > 1:
            self.remarks.append(
                f"the film has {own:.0f} frames a second: every {self.every}. is looked at, "
                f"{own / self.every:.3g} a second"
            )
        height, width = probed[0].pixels.shape[:2]
        frames = round(self._duration * own / self.every) or None
        lossless = code.decode("latin-1").upper() in _LOSSLESS
        return Film(self.path.stem, width, height, own / self.every, frames, lossless)

    def _decoded(self, reading: Reading) -> Iterator[FilmFrame]:
        with in_utf8(self.path) as name:
            video = cv2.VideoCapture(name)
        last = 0.0
        try:
            for frame in _read(video, self.film.rate * self.every, self.every, reading.wants):
                last = frame.time
                yield frame
        finally:
            video.release()
        short = last + 1 / self.film.rate < _ENOUGH * self._duration
        remark = f"the film ends after {last:.1f} of {self._duration:.1f} s: it is cut short or damaged"
        if short and remark not in self.remarks:
            self.remarks.append(remark)

    def _unreadable(self) -> DataError:
        size = self.path.stat().st_size
        found = (
            f"no frame of the film can be read ({size} bytes): it is damaged, or no film that OpenCV knows"
        )
        return DataError(
            "the film is empty (0 bytes)" if not size else found, where=str(self.path), hint=_CONVERT
        )


class Reading(Iterator[FilmFrame]):
    """One way through the frames of a film; frames can be skipped, which costs little.

    Args:
        begun: makes the frames of this reading.
    """

    def __init__(self, begun: Callable[[Reading], Generator[FilmFrame]]) -> None:
        self.reached = -1
        """Number of the frame that was read last."""
        self._first = 0
        self._passed: Callable[[], object] | None = None
        self._frames = begun(self)

    def skip_to(self, number: int, passed: Callable[[], object] | None = None) -> None:
        """Go on at a frame that is still ahead.

        Args:
            number: of the frame that is read next.
            passed: called for each frame that is skipped.
        """
        self._first, self._passed = number, passed

    def wants(self, number: int) -> bool:
        """Whether a frame is read rather than skipped."""
        if number < self._first and self._passed is not None:
            self._passed()
        return number >= self._first

    def up_to(self, number: int) -> Iterator[FilmFrame]:
        """The frames before one; it is read next."""
        while self.reached + 1 < number and (frame := next(self, None)) is not None:
            yield frame

    def close(self) -> None:
        """Close the film."""
        self._frames.close()

    def __next__(self) -> FilmFrame:
        frame = next(self._frames)
        self.reached = frame.number
        return frame


def _all(number: int) -> bool:
    return True


def _read(
    video: cv2.VideoCapture, rate: float, every: int = 1, wanted: Callable[[int], bool] = _all
) -> Iterator[FilmFrame]:
    """The frames with their times less the first, which grow: where a film's do not, its rate decides."""
    step = 1 / rate if _is_rate(rate) else 1 / USUAL_RATE
    first, last, number = None, -step, 0
    while video.grab():
        time = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
        first = time if first is None else first
        time -= first
        # Frames of one film lie at least a tenth of a step apart, unless their times are made up.
        last = time if time > last + step / 10 else last + step
        if number % every == 0 and wanted(number):
            read, pixels = video.retrieve()
            if read and pixels is not None:
                yield FilmFrame(number, last, np.asarray(pixels))
        number += 1


def _is_rate(rate: float) -> bool:
    return bool(0 < rate < 1000)


def _are_lossless(paths: list[Path]) -> bool:
    return not any(path.suffix.lower() in (".jpg", ".jpeg", ".webp") for path in paths)


def _size(pixels: np.ndarray) -> str:
    return _size_of(pixels.shape)


def _size_of(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
