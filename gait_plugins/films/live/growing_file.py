"""Growing file: a film that another program is still writing, handed on through a pipe as it grows."""

from __future__ import annotations

import os
import select
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from gait_plugins.errors import DataError

_PIECE = 1 << 16
_POLL = 0.1


class GrowingFile:
    """A pipe that gives what a file holds and will hold; its name is ``str()`` of this.

    The pipe ends when the file has not grown for a while. A reader of it is never at the end too early, as
    one of the file itself would be.

    Args:
        path: the file.
        patience: seconds after which a file that does not grow has ended.

    Raises:
        DataError: there are no named pipes here.
    """

    def __init__(self, path: Path, patience: float) -> None:
        if not hasattr(os, "mkfifo"):
            raise DataError(
                "a file that is still being written cannot be followed here: there are no named pipes",
                where=str(path),
                hint="wait until it is finished: gait-plugins video identify",
            )
        self._folder = tempfile.mkdtemp(prefix="gait-plugins-")
        self._pipe = os.path.join(self._folder, "film")
        os.mkfifo(self._pipe, 0o600)
        self._path, self._patience = path, patience
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="growing file", daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return self._pipe

    def close(self) -> None:
        """End the pipe and remove it."""
        self._stopped.set()
        self._thread.join()
        with suppress(OSError):  # one who opens it meanwhile would wait for ever
            os.close(os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        pipe = self._opened()
        if pipe is None:
            return
        try:
            with open(self._path, "rb") as file:
                grown = time.monotonic()
                while not self._stopped.is_set():
                    piece = file.read(_PIECE)
                    if piece:
                        self._write(pipe, piece)
                        grown = time.monotonic()
                    elif time.monotonic() - grown > self._patience:
                        return
                    else:
                        self._stopped.wait(_POLL)
        except OSError:  # nobody reads any more, or the file is gone
            pass
        finally:
            os.close(pipe)

    def _opened(self) -> int | None:
        while not self._stopped.is_set():
            try:
                return os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads yet
                self._stopped.wait(_POLL)
        return None

    def _write(self, pipe: int, piece: bytes) -> None:
        rest = memoryview(piece)
        while rest and not self._stopped.is_set():
            _, ready, _ = select.select([], [pipe], [], _POLL)
            if ready:
                rest = rest[os.write(pipe, rest) :]
