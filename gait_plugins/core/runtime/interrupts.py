"""Interrupts: Ctrl-C in a training ends it once the step is finished and saved, and a test of it at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType


class Interrupts:
    """While active, a first SIGINT or SIGTERM only raises a flag; a second one acts at once."""

    def __init__(self) -> None:
        self.requested = False
        self._at_once = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        except ValueError:  # not the main thread: the caller handles signals there
            self._previous.clear()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous.clear()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A block with nothing to finish: the first signal acts in it, one from before it too.

        Raises:
            KeyboardInterrupt: at the signal.
        """
        self._at_once = True
        try:
            if self.requested:
                raise KeyboardInterrupt
            yield
        finally:
            self._at_once = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested or self._at_once:
            raise KeyboardInterrupt
        self.requested = True
