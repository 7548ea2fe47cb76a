"""Frame reader: a thread that reads a camera, for a read may block; it holds the newest frame alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition, Thread

import cv2
import numpy as np

_PATIENCE = 2.0
"""Seconds for which the end of the thread is waited for."""


class FrameReader:
    """Reads frames in a thread as they come, until there are no more, or it is ended.

    Args:
        opened: opens what is read; called in the thread.
        waits: wait until a frame is taken before the next one is read, as of a file; times are those of the
            file then. Otherwise the newest frame takes the place of the one before it.
    """

    def __init__(self, opened: Callable[[], cv2.VideoCapture], waits: bool = False) -> None:
        self.seen = self.dropped = 0
        """Frames that were read, and those of them that nobody took."""
        self.ended = False
        """There are no more frames, or there were none."""
        self._opened, self._waits = opened, waits
        self._changed = Condition()
        self._newest: tuple[float, np.ndarray] | None = None
        self._stopped = False
        self._last = time.monotonic()
        self._thread = Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    @property
    def silent(self) -> float:
        """Seconds since the newest frame came, or since the beginning."""
        return 0.0 if self._newest is not None else time.monotonic() - self._last

    def next(self, wait: float) -> tuple[float, np.ndarray] | None:
        """The newest frame that was not taken yet, and its time in seconds since any moment; None: no frame.

        Args:
            wait: seconds to wait for one.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self.ended, wait)
            found, self._newest = self._newest, None
            self._changed.notify_all()
        return found

    def end(self) -> bool:
        """End the reading.

        Returns:
            whether the thread has ended: it may be stuck in a read.
        """
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(_PATIENCE)
        return not self._thread.is_alive()

    def _run(self) -> None:
        video = None
        try:
            video = self._opened()
            while not self._stopped:
                read, pixels = video.read()
                if not read or pixels is None:
                    break
                at = video.get(cv2.CAP_PROP_POS_MSEC) / 1000 if self._waits else time.monotonic()
                self._put(at, np.asarray(pixels))
        except cv2.error:  # as a camera that is not there
            pass
        finally:
            if video is not None:
                video.release()
            with self._changed:
                self.ended = True
                self._changed.notify_all()

    def _put(self, at: float, pixels: np.ndarray) -> None:
        with self._changed:
            if self._waits:
                self._changed.wait_for(lambda: self._newest is None or self._stopped)
            self.dropped += self._newest is not None and not self._stopped
            self._newest = at, pixels
            self.seen += 1
            self._last = time.monotonic()
            self._changed.notify_all()
