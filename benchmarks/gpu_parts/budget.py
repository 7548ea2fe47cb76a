"""The time budget: each part gets its share of what is left, and a part that fails costs itself alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from tables import Row

from gpu_parts.machine import Machine

Measure = Callable[[float], list[Row]]
"""Given seconds that it may take, the lines of the table that it found."""


@dataclass(frozen=True)
class Part:
    """Something to measure.

    Args:
        name: what it is, in words.
        measure: what does it.
        weight: its share of the time.
        least: seconds without which it is not begun.
    """

    name: str
    measure: Measure
    weight: float = 1.0
    least: float = 0.0


@dataclass
class Found:
    """What a run found."""

    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def run_all(
    parts: Sequence[Part],
    ends: float,
    machine: Machine,
    tell: Callable[[str], None],
    most: float = float("inf"),
) -> Found:
    """Run the parts one after the other. What one does not use goes to those that follow.

    Args:
        parts: what to run.
        ends: when the time is up, by ``time.monotonic``.
        machine: where.
        tell: takes words on how it goes.
        most: seconds that a part may have at most.
    """
    found = Found()
    for place, part in enumerate(parts):
        left = ends - time.monotonic()
        share = left * part.weight / sum(each.weight for each in parts[place:])
        if share < part.least:
            found.left_out.append(f"{part.name}: {share:.0f} s were left, it needs {part.least:.0f} s")
            continue
        begun = time.monotonic()
        try:
            found.rows += [replace(row, part=part.name) for row in part.measure(min(share, most))]
        except LeftOut as why:
            found.left_out.append(f"{part.name}: {why}")
        except torch.OutOfMemoryError as error:
            found.failed.append(f"{part.name}: out of memory: {_first_line(error)}")
        except Exception as error:  # the rest is worth having
            found.failed.append(f"{part.name}: {type(error).__name__}: {_first_line(error)}")
        machine.clear()
        tell(f"{part.name}: {time.monotonic() - begun:.0f} s")
    return found


class LeftOut(Exception):
    """A part cannot be measured here, for a reason that is no fault."""


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]
