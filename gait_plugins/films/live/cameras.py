"""Cameras: live sources of frames, which come once and at their own times, and may go away and come back."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np

from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.films.live.frame_reader import FrameReader
from gait_plugins.films.live.growing_file import GrowingFile
from gait_plugins.films.reading import MOST_RATE, USUAL_RATE

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds between the first two tries to reach a camera that is gone; they double, up to the latter."""
STALE = 10.0
"""Seconds without a picture after which the connection is lost."""
FILE_ENDS = 60.0
"""Seconds after which a file that does not grow has ended."""
_MEASURED = 1.0
"""Seconds in which a camera's rate is measured."""
_PROBED = 10
_POLL = 0.2


@dataclass(frozen=True)
class Address:
    """Where frames come from: the number of a camera, an address on the network, or a file."""

    number: int | None = None
    url: str | None = None
    path: Path | None = None

    @classmethod
    def of(cls, text: str, follow: bool) -> Address:
        """What a text names.

        Args:
            text: such as ``0``, ``rtsp://host/path`` or ``film.mkv``.
            follow: it is a file that is still being written.

        Raises:
            ConfigError: a file, without ``follow``; or the other way round.
            DataError: there is no such file.
        """
        device = re.fullmatch(r"(?:/dev/video)?(\d+)", text)
        if (device or "://" in text) and follow:
            raise ConfigError(
                "--follow is for a file that is still being written",
                where=shown_address(text),
                hint="leave it out: a camera is read as it comes",
            )
        if device:
            return cls(number=int(device[1]))
        if "://" in text:
            return cls(url=text)
        path = Path(text)
        if not path.is_file():
            raise DataError(
                "there is no such file",
                where=text,
                hint="a camera is given by its number (0 is the first) or its address (rtsp://HOST/PATH)",
            )
        if not follow:
            raise ConfigError(
                "this is a file",
                where=text,
                hint="--follow reads one that is still being written; gait-plugins video identify CONFIG "
                "--gallery GALLERY FILM names the people of a film",
            )
        return cls(path=path)

    @property
    def name(self) -> str:
        """As frames of it are named."""
        if self.path is not None:
            return self.path.stem
        return f"camera-{self.number}" if self.url is None else str(self).rstrip("/").rsplit("/", 1)[-1]

    def __str__(self) -> str:
        if self.url is not None:
            return shown_address(self.url)
        return f"camera {self.number}" if self.path is None else str(self.path)


def shown_address(url: str) -> str:
    """An address as it may be shown: without the user, the password, and whatever else may be secret."""
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return url.partition("://")[0] + "://..."
    if "@" in url.partition("://")[2].removeprefix(parts.netloc):
        # A password with / ? or # in it, not written as %2F and so on: where it ends nobody knows.
        return f"{parts.scheme}://..."
    path = "/..." if re.search(r"pass|pwd|token|key", parts.path, re.IGNORECASE) else parts.path
    return f"{parts.scheme}://{host}{path}" + ("?..." if parts.query else "")


class Camera:
    """A live source of frames; to be closed.

    Frames are read in a thread. Where they come faster than they are used, the newest counts. A camera that
    is gone is tried again, at first after a second, later every half minute.

    Args:
        address: where it is.
        most: frames per second to use at most; None: :data:`~.reading.MOST_RATE`.
        give_up: seconds without a picture after which it is given up; None: never, and a file has ended after
            a minute.
        tell: is given what happens to the connection, in words.

    Raises:
        DataError: there is no picture at first.
    """

    def __init__(
        self,
        address: Address,
        most: float | None = None,
        *,
        give_up: float | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # its lines may hold the address
        self.address, self.give_up, self._tell = address, give_up, tell
        self.lost = 0
        """How often the connection was lost."""
        self._dropped = 0
        self._most = most or MOST_RATE
        self._stopped = False  # no Event: a signal handler may set it while it is waited for
        self._file: GrowingFile | None = None
        self._left_behind = False
        self._waiting: list[tuple[float, np.ndarray]] = []
        """The frames that were read to see what comes."""
        self._reader = self._begun()
        try:
            first = self._first()
        except BaseException:
            self.close()
            raise
        height, width = first.shape[:2]
        rate = self._rate()
        self.every = max(1, round(rate / (self._most * 0.6))) if rate > self._most * 1.2 else 1
        """Each how many-th frame is used."""
        self.film = Film(address.name, width, height, rate / self.every, live=True)
        since = time.monotonic() - self._waiting[0][0] if self.clocked else 0.0
        self.started = datetime.now().astimezone() - timedelta(seconds=since)
        """When the first frame was taken; of a file, when it was opened."""

    @property
    def dropped(self) -> int:
        """Frames that were not used, for newer ones had come."""
        return self._dropped + self._reader.dropped

    @property
    def clocked(self) -> bool:
        """True where the times are those of the clock, and False where they are those of a file."""
        return self._file is None

    @property
    def left_behind(self) -> bool:
        """True where a thread is still stuck in a read that does not end."""
        return self._left_behind

    def moment(self, seconds: float) -> datetime:
        """When a frame was taken."""
        return self.started + timedelta(seconds=seconds)

    def frames(self) -> Iterator[FilmFrame]:
        """The frames, until :meth:`stop`, or the end of a file.

        Raises:
            DataError: there has been no picture for longer than ``give_up``.
        """
        zero, last, number = self._waiting[0][0], -1.0, 0
        while not self._stopped:
            taken = self._waiting.pop(0) if self._waiting else self._reader.next(_POLL)
            if taken is None:
                if self._file is not None:
                    if self._reader.ended:
                        return
                elif self._reader.ended or self._reader.silent > STALE:
                    self._reconnect()
                continue
            at, pixels = taken
            number += 1
            if (number - 1) % self.every:
                continue
            last = max(at - zero, last + 1e-3)
            yield FilmFrame(number - 1, last, self._fitted(pixels))

    def stop(self) -> None:
        """End :meth:`frames` soon; may be called from a signal handler."""
        self._stopped = True

    def close(self) -> None:
        """Let the camera go."""
        self._stopped = True
        if self._file is not None:
            self._file.close()
        self._end(self._reader)

    def _begun(self) -> FrameReader:
        """A reader at work."""
        address = self.address
        if address.path is not None:
            self._file = GrowingFile(address.path, self.give_up or FILE_ENDS)
            return FrameReader(lambda: network_capture(str(self._file), timeout=None), waits=True)
        if address.url is not None:
            url = address.url
            return FrameReader(lambda: network_capture(url, timeout=STALE))
        number = address.number or 0
        return FrameReader(lambda: cv2.VideoCapture(number))

    def _end(self, reader: FrameReader) -> None:
        self._dropped += reader.dropped
        reader.dropped = 0
        self._left_behind = not reader.end() or self._left_behind

    def _first(self) -> np.ndarray:
        """The first picture."""
        begun = time.monotonic()
        patience = self.give_up or (STALE if self._file is None else FILE_ENDS)
        while not self._stopped:
            taken = self._reader.next(_POLL)
            if taken is not None:
                self._waiting.append(taken)
                return taken[1]
            # Without a word on how long to try, what cannot be reached at first is a mistake.
            mistake = self._reader.ended and (self.give_up is None or self._file is not None)
            if mistake or time.monotonic() - begun > patience:
                raise self._no_picture()
            if self._reader.ended:
                self._end(self._reader)
                self._pause(FIRST_WAIT)
                self._reader = self._begun()
        raise self._no_picture()

    def _rate(self) -> float:
        """Frames per second, as they come; of a file, by the times of its first frames."""
        if self._file is not None:
            while len(self._waiting) < _PROBED and (taken := self._reader.next(_MEASURED)) is not None:
                self._waiting.append(taken)
            steps = np.diff([at for at, _ in self._waiting])
            return 1 / float(np.median(steps)) if len(steps) and np.median(steps) > 1e-3 else USUAL_RATE
        begun = self._reader.seen
        start = time.monotonic()
        self._pause(_MEASURED)
        seen = self._reader.seen - begun
        return max(1.0, seen / (time.monotonic() - start))

    def _reconnect(self) -> None:
        """Try to reach the camera until it is there again, or it is time to give up."""
        gone, wait = time.monotonic() - self._reader.silent, FIRST_WAIT
        self.lost += 1
        self._tell(f"{self.address}: no picture any more; trying again")
        while not self._stopped:
            self._end(self._reader)
            for_long = time.monotonic() - gone
            if self.give_up is not None and for_long + wait > self.give_up:
                self._pause(max(0.0, self.give_up - for_long))
                raise DataError(
                    f"there has been no picture for {time.monotonic() - gone:.0f} s",
                    where=str(self.address),
                    hint="see that the camera is on and connected; without --give-up it is waited for",
                )
            self._pause(wait)
            wait = min(2 * wait, LONGEST_WAIT)
            self._reader = self._begun()
            while not (self._stopped or self._reader.ended or self._reader.silent > STALE):
                if self._reader.seen:
                    self._tell(f"{self.address}: pictures again after {time.monotonic() - gone:.0f} s")
                    return
                self._pause(_POLL / 4)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._stopped and (rest := end - time.monotonic()) > 0:
            time.sleep(min(rest, _POLL / 4))

    def _fitted(self, pixels: np.ndarray) -> np.ndarray:
        size = self.film.width, self.film.height
        if (pixels.shape[1], pixels.shape[0]) == size:
            return pixels
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))

    def _no_picture(self) -> DataError:
        if self.address.path is not None:
            return DataError(
                "no frame can be read from the file so far",
                where=str(self.address),
                hint="a file that is still being written has to be of a kind that is read from its start, "
                "such as .mkv, .ts or .avi; an .mp4 can be read only when it is finished",
            )
        hint = "see that the camera is on, and that the address, the user and the password are right"
        if self.address.url is None:
            hint = "0 is the first camera of this machine; see that it is connected and used by nobody else"
        return DataError("there is no picture", where=str(self.address), hint=hint)


def network_capture(address: str, timeout: float | None) -> cv2.VideoCapture:
    """OpenCV's reading by FFmpeg.

    Args:
        address: a file or an address on the network.
        timeout: seconds after which opening or reading fails; None: as long as it takes.
    """
    limit = int(1000 * (86400 if timeout is None else timeout))
    settings = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit]
    return cv2.VideoCapture(address, cv2.CAP_FFMPEG, settings)
