"""Differences between any number of runs, from the comparison of the first with each other one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gait_plugins.api.run_report.material import Differing
from gait_plugins.core.runs.compare import Difference, compare_runs

KINDS = ("scored", "seeds", "data", "settings", "changes", "versions", "machine")


def differences(folders: Sequence[Path], step: int | None = None) -> dict[str, list[Differing]]:
    """What differs between runs, by kind; empty for one run.

    Raises:
        DataError: a record cannot be read.
    """
    pairs = [compare_runs(folders[0], other, step, needs_results=False) for other in folders[1:]]
    if not pairs:
        return {}
    return {kind: _joined([getattr(pair, kind) for pair in pairs]) for kind in KINDS}


def _joined(pairs: Sequence[Sequence[Difference]]) -> list[Differing]:
    """A line for each name, with the values of all runs; those that agree with the first have its value."""
    names = dict.fromkeys(each.name for pair in pairs for each in pair)
    found = [{each.name: each for each in pair} for pair in pairs]
    return [Differing(name, _values(name, found)) for name in names]


def _values(name: str, pairs: Sequence[Mapping[str, Difference]]) -> tuple[Any, ...]:
    first = next(pair[name].a for pair in pairs if name in pair)
    return (first, *(pair[name].b if name in pair else first for pair in pairs))
