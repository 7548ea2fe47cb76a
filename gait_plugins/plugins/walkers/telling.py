"""Lines of the log that say how far the making of walkers is, where no bar shows it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gait_plugins.api import Job

log = logging.getLogger("gait_plugins")

PATIENCE = 10.0
"""Seconds that nothing is said: small sets are made without a word."""
PAUSE = 30.0
"""Seconds between two lines."""


@contextmanager
def making(
    what: str, frames: int, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int], None]]:
    """A job that makes so many frames; gives a function that counts those that were made.

    A set that takes longer than :data:`PATIENCE` gets a line now and then, and one at its end.

    Args:
        what: is made: ``silhouettes``.
        frames: in all.
        clock: seconds from any beginning on.
    """
    began = told = clock()
    with Job(f"walkers: making {what}", frames, "frame") as job:

        def advance(count: int) -> None:
            nonlocal told
            job.advance(count)
            now = clock()
            if now - told < (PATIENCE if told == began else PAUSE) or job.done >= frames:
                return
            told = now
            left = (now - began) / job.done * (frames - job.done)
            log.info("%s: %d of %d frames, %s left", job.name, job.done, frames, _minutes(left))

        yield advance
    if told != began:
        log.info("walkers: made %s in %s; kept for the next time", what, _minutes(clock() - began))


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"
