"""Retention: what a second training gains under test conditions, and loses without them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gait_plugins.errors import DataError

_FIRST = re.compile(r"(.*@R1|Rank-1|.*Rank@1)")
"""What protocols call the figure of the first rank."""
_KIND = re.compile(r"(.+)@R1")
"""The kind of walks of a figure of the first rank: NM, BG, CL."""
_RESULTS = re.compile(r"results-(\d+)(?:-.+)?\.json")
_AMOUNT = re.compile(r"(.*?)[\s_@-]*(\d*\.?\d+)\s*(%?)")


class Row(NamedTuple):
    """One condition, figures in percent, shares of the bound in [0, 1]."""

    condition: str
    before: float
    after: float
    before_share: float
    """Relative performance of the first run: its figure under the condition, over the bound."""
    after_share: float
    """Relative performance of the second run."""


@dataclass(frozen=True)
class Retention:
    """A run before (the extractor alone) and after (with a residual stage), side by side."""

    figures: tuple[str, ...]
    """The figures that are averaged."""
    bound: float
    """The first run without conditions."""
    whole: float
    """The second run without conditions."""
    rows: tuple[Row, ...]
    names: tuple[str, str] = ("before", "after")
    """What the runs are called."""

    @property
    def title(self) -> str:
        """The figure that is shown, in words."""
        kinds = [match[1] for name in self.figures if (match := _KIND.fullmatch(name))]
        if len(kinds) < len(self.figures):
            return f"{', '.join(self.figures)} (%)"
        return f"Rank-1 (%), mean of {', '.join(kinds)}" if len(kinds) > 1 else f"Rank-1 (%), {kinds[0]}"

    @property
    def kinds(self) -> tuple[Row, ...]:
        """For each kind of condition the means over its amounts."""
        return tuple(
            Row(
                kind,
                *(sum(column) / len(column) for column in zip(*(row[1:] for _, row in points), strict=True)),
            )
            for kind, points in curves(self.rows).items()
        )

    @property
    def retention(self) -> float:
        """What the second run keeps without conditions: its figure over the bound."""
        return self.whole / self.bound if self.bound else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        rows, kinds = ([row._asdict() for row in found] for found in (self.rows, self.kinds))
        return {**asdict(self), "retention": self.retention, "rows": rows, "kinds": kinds}

    def lines(self) -> list[list[str]]:
        """Texts of a table, heads first, then every condition, and the mean of a kind that has several."""
        before, after = self.names
        found = [["", before, after, f"RP {before}", f"RP {after}", "gain of RP"]]
        found.append(["as they are", *_texts(self.bound, self.whole, 1.0, self.retention)])
        found += [[row.condition, *_texts(*row[1:])] for row in self.rows]
        several = {kind for kind, points in curves(self.rows).items() if len(points) > 1}
        found += [
            [f"{row.condition}, mean", *_texts(*row[1:])] for row in self.kinds if row.condition in several
        ]
        return found


def _texts(before: float, after: float, share: float, other: float) -> list[str]:
    return [f"{before:.2f}", f"{after:.2f}", f"{share:.3f}", f"{other:.3f}", f"{other - share:+.3f}"]


def retention(
    before: Path,
    after: Path,
    figures: Sequence[str] = (),
    steps: tuple[int | None, int | None] = (None, None),
) -> Retention:
    """Compare two runs that were scored under the same conditions (``evaluator_cfg.conditions``).

    Args:
        before: run folder of the model alone; its figure without conditions is the bound.
        after: run folder of what was trained on it.
        figures: figures to average; none: every one of the first rank.
        steps: whose results, of each run; None: the last.

    Raises:
        DataError: a folder holds no run or no conditions, or the runs have no figures or conditions in
            common.
    """
    tables = [_conditions(folder, step) for folder, step in zip((before, after), steps, strict=True)]
    wholes = [next(iter(table.values())) for table in tables]
    shared = [name for name in wholes[0] if name in wholes[1]]
    chosen = list(figures) or [name for name in shared if _FIRST.fullmatch(name)] or shared[:1]
    absent = [name for name in chosen if name not in shared]
    if absent or not chosen:
        raise DataError(
            f"the figure {absent[0]} is missing in one of the runs; both have {', '.join(shared) or 'none'}"
            if absent
            else "the two runs have no figure in common",
            where=str(after),
        )
    names = [name for name in list(tables[0])[1:] if name in tables[1]]
    if not names:
        raise DataError(
            "the two runs have no condition in common",
            where=str(after),
            hint="give both the same evaluator_cfg.conditions and test them again",
        )
    (bound, *ours), (whole, *theirs) = (
        [_mean(table[name], chosen) for name in (next(iter(table)), *names)] for table in tables
    )
    share = [value / bound if bound else float("nan") for value in (*ours, *theirs)]
    rows = zip(names, ours, theirs, share[: len(ours)], share[len(ours) :], strict=True)
    return Retention(tuple(chosen), bound, whole, tuple(Row(*row) for row in rows), _names(before, after))


def _names(before: Path, after: Path) -> tuple[str, str]:
    """The names of the run folders, where they tell them apart."""
    names = before.resolve().name, after.resolve().name
    return names if names[0] != names[1] else ("before", "after")


def curves(rows: Sequence[Row]) -> dict[str, list[tuple[float, Row]]]:
    """Conditions whose names end with an amount (``top 0.4``, ``top 40%``), by what precedes it.

    Returns:
        Kind -> its rows with their amounts, in ascending order.
    """
    found: dict[str, list[tuple[float, Row]]] = {}
    for row in rows:
        match = _AMOUNT.fullmatch(row.condition)
        if match:
            amount = float(match[2]) / (100 if match[3] else 1)
            found.setdefault(match[1] or "amount", []).append((amount, row))
    return {kind: sorted(points, key=lambda point: point[0]) for kind, points in found.items()}


def _conditions(folder: Path, step: int | None) -> Mapping[str, Mapping[str, float]]:
    """Condition -> its figures, the first being none; from the newest results that have conditions."""
    if not folder.is_dir():
        raise DataError(
            "there is no such run folder",
            where=str(folder),
            hint="a run folder is output/<data set>/<model>/<save_name>",
        )
    files = [(int(match[1]), path) for path in folder.iterdir() if (match := _RESULTS.fullmatch(path.name))]
    for number, path in sorted(files, key=lambda pair: (pair[0], pair[1].stat().st_mtime_ns), reverse=True):
        if step in (None, number):
            found = _conditions_of(path)
            if found:
                return found
    raise DataError(
        "the run was not scored under conditions" + (f" at step {step}" if step is not None else ""),
        where=str(folder),
        hint="set evaluator_cfg.conditions and test the run again",
    )


def _conditions_of(path: Path) -> Mapping[str, Mapping[str, float]] | None:
    try:
        details = json.loads(path.read_text(encoding="utf-8"))["details"]
        found: Mapping[str, Mapping[str, float]] = details.get("conditions", {}).get("metrics", {})
    except (ValueError, KeyError, AttributeError) as error:
        raise DataError(
            f"these results cannot be read: {error}", where=str(path), hint="test the run again"
        ) from error
    return found if len(found) > 1 else None


def _mean(metrics: Mapping[str, float], figures: Sequence[str]) -> float:
    return sum(metrics[name] for name in figures) / len(figures)
