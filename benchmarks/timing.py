"""Timing of alternatives in turns, so that other load on the machine affects all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

from tables import Row, table


def in_turns(
    work: Mapping[str, Callable[[], object]],
    rounds: int = 9,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median seconds of each callable, called one after the other ``rounds`` times after a warm-up.

    On a machine that others load, ``clock=time.process_time`` counts processor time instead; set
    ``OMP_WAIT_POLICY=passive`` then, so that waiting threads do not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, run in work.items():
            started = clock()
            run()
            if turn:
                seconds[name].append(clock() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}


def report(title: str, seconds: Mapping[str, float], ours: str) -> None:
    """Print a table of all other ways beside ours, in milliseconds."""
    others = [name for name in seconds if name != ours]
    rows = [Row(name, 1e3 * seconds[name], 1e3 * seconds[ours], "ms") for name in others]
    print(f"{title}\n\n{table(rows)}\n")
