"""Progress of long jobs, reported to the hook ``gait_progress``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Literal, TypeVar

T = TypeVar("T")

_listeners: list[Callable[[Job], None]] = []

JobState = Literal["begin", "advance", "end"]


class Job:
    """A long job: how far it is, and when it began.

    Args:
        name: what is done.
        total: units in all; None where that is not known.
        unit: what is counted.
        done: units that were done before, by an earlier start.
    """

    # No data class: making one costs every start of the program more than all else in this module.
    def __init__(self, name: str, total: int | None, unit: str = "it", *, done: int = 0) -> None:
        self.name = name
        self.total = total
        self.unit = unit
        self.done = done
        self.state: JobState = "begin"
        self.figures: dict[str, float] = {}
        """Figures worth showing beside the bar (``loss``)."""
        self.started = time.monotonic()

    def _tell(self, state: JobState) -> None:
        self.state = state
        for listener in _listeners:
            listener(self)

    def __enter__(self) -> Job:
        self._tell("begin")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._tell("end")

    def advance(self, count: int = 1, **figures: float) -> None:
        """``count`` more units are done."""
        self.done += count
        self.figures.update(figures)
        self._tell("advance")


def track(items: Iterable[T], name: str, *, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """Yield the items and report the progress."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Job(name, total, unit) as job:
        for item in items:
            yield item
            job.advance()


def report_to(listener: Callable[[Job], None]) -> None:
    """Hand every job that begins, advances or ends to ``listener`` from now on."""
    _listeners.append(listener)
