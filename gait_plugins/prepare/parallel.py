"""Work in threads: results in order, and a prompt end on errors."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def default_workers() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(work: Callable[[T, Callable[[], bool]], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Results in the order of the items; a few more than ``workers`` are under way at a time.

    Decoding and resizing images, and files, need no Python lock, so that threads do it side by side.
    An error in ``work`` is raised here. Whatever ends the iteration, Ctrl-C included, tells the work
    under way by the function that it is given, and waits for it.
    """
    stop = Event()
    with ThreadPoolExecutor(workers, thread_name_prefix="prepare") as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item, stop.is_set))
                if len(waiting) > 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            stop.set()
            for future in waiting:
                future.cancel()
