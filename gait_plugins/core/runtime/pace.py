"""Pace of a training: elapsed time, steps a second, and what is left, as the lines of its log say them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pace:
    """The clock of a training that has just begun, or goes on.

    Args:
        done: the step that it starts from.
        total: its last step.
        clock: seconds from any beginning on.
    """

    def __init__(self, done: int, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._total = clock, total
        self._first = self._told = done
        self._began = self._since = clock()
        self._aside = 0.0

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Time that counts for no step: a checkpoint is written, or the model is tested."""
        began = self._clock()
        try:
            yield
        finally:
            self._aside += self._clock() - began

    def told(self, step: int) -> str:
        """Time since this start, the rate since the line before, and the time that is left, in words.

        The rate leaves out what went :meth:`aside`. What is left goes by all steps of this start, tests and
        checkpoints counted in.
        """
        now = self._clock()
        elapsed, busy = now - self._began, now - self._since - self._aside
        rate = f"{(step - self._told) / busy:.3g} steps/s" if busy > 0 else "- steps/s"
        done = step - self._first
        left = elapsed / done * (self._total - step) if done else 0.0
        self._told, self._since, self._aside = step, now, 0.0
        return f"{in_hours(elapsed)}  {rate}  {in_hours(left)} left"


def in_hours(seconds: float) -> str:
    """``1:02:03``, with days in front where there are some."""
    whole = round(max(0.0, seconds))
    hours, rest = divmod(whole % 86400, 3600)
    days = f"{whole // 86400}d " if whole >= 86400 else ""
    return f"{days}{hours}:{rest // 60:02}:{rest % 60:02}"
