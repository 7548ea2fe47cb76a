"""Processes that share the reading of a data set: pieces of a range, their results in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from gait_plugins.errors import DataError

if TYPE_CHECKING:
    from concurrent.futures import Future

R = TypeVar("R")

FEWEST = 2000
"""Sequences that processes are started for; fewer are read in this one."""
_AHEAD = 3
"""Pieces for each process that are given out or wait to be taken."""
_NOT_GIVEN = 0
_wanted: ContextVar[int | None] = ContextVar("_wanted", default=_NOT_GIVEN)


@contextmanager
def processes(number: int | None) -> Iterator[None]:
    """Inside, at most so many processes read; None: one for each core."""
    token = _wanted.set(number)
    try:
        yield
    finally:
        _wanted.reset(token)


def is_given() -> bool:
    """Whether this is inside :func:`processes`: a command that may use them for all that takes long."""
    return _wanted.get() != _NOT_GIVEN


def number_of_processes(count: int) -> int:
    """How many processes read so many sequences: 1 stands for this one alone."""
    if count < FEWEST or multiprocessing.current_process().daemon:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _wanted.get() or cores


def in_pieces(work: Callable[[int, int], R], count: int, size: Callable[[], int], number: int) -> Iterator[R]:
    """What ``work(first, last)`` gives for pieces of ``range(count)``, in their order.

    How many processes there are, and which of them is faster, changes nothing. A few pieces are under way at
    a time, so that memory does not grow with the range. An error in ``work`` is raised here.

    Args:
        work: called in the processes; picklable where processes are not forked.
        count: sequences.
        size: asked before a piece is given out: its sequences.
        number: of processes; 1: this one.

    Raises:
        DataError: a process was ended from outside.
    """
    if number <= 1:
        for piece in _pieces(count, size):
            yield work(*piece)
        return
    # Few data sets need processes, and every start would pay for these imports.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    waiting: deque[Future[R]] = deque()
    with ProcessPoolExecutor(number, initializer=_begin, initargs=(work,)) as pool:
        try:
            for piece in _pieces(count, size):
                # Other libraries keep threads, of which newer Pythons warn; none holds a lock of ours.
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    waiting.append(pool.submit(_do, *piece))
                if len(waiting) >= _AHEAD * number:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise DataError(
                "a process that was reading the data was ended from outside, as the system does when memory "
                "is short",
                hint="--workers 1 reads in one process",
            ) from error
        finally:
            for future in waiting:
                future.cancel()


def _pieces(count: int, size: Callable[[], int]) -> Iterator[tuple[int, int]]:
    first = 0
    while first < count:
        last = min(first + max(1, size()), count)
        yield first, last
        first = last


_work: list[Callable[[int, int], Any]] = []


def _begin(work: Callable[[int, int], Any]) -> None:
    # Ctrl-C reaches all processes of a terminal: the main one handles it, and ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _work[:] = [work]
    threading.Thread(target=_end_with_the_main_process, name="main-process", daemon=True).start()


def _do(first: int, last: int) -> Any:
    return _work[0](first, last)


def _end_with_the_main_process() -> None:
    main = multiprocessing.parent_process()
    if main is not None:
        main.join()
        os._exit(1)
