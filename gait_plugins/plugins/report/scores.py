"""Figures of the last test of each run, and the tables of its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gait_plugins.api import ReportMaterial, ReportRun, ReportSection, Table

_SAME = ("protocol", "dataset", "scored_as")
"""Where runs differ in one of these, their figures cannot be compared."""


def figures(material: ReportMaterial) -> ReportSection | None:
    """All figures side by side, and the tables of each run."""
    tested = [run for run in material.runs if run.results]
    if not tested:
        return None
    names = dict.fromkeys(name for run in tested for name in run.results["metrics"])
    rows = [(name, *(_value(run.results["metrics"], name) for run in tested)) for name in names]
    tables = [Table("Figures (%)", ("", *(run.name for run in tested)), tuple(rows)), _scored(tested)]
    for run in tested:
        tables += [
            _titled(table, run.name if len(tested) > 1 else "") for table in run.results.get("tables", ())
        ]
    return ReportSection(
        "Figures",
        "How often the right person was found, as the protocol counts it. Higher is better, and 100 % is a "
        "right answer every time.",
        tables=[table for table in tables if table.rows],
        notes=[*_unlike(tested), *(note for run in tested for note in run.results.get("notes") or ())],
    )


def _value(metrics: Mapping[str, Any], name: str) -> str:
    value = metrics.get(name)
    return "-" if value is None else f"{value:.2f}"


def _scored(runs: list[ReportRun]) -> Table:
    """What was compared with what."""
    asked = {
        "protocol": "protocol",
        "data set": "dataset",
        "scored as": "scored_as",
        "step of the weights": "step",
        "probes": "probes",
        "gallery": "gallery",
        "probes without a match": "probes_without_match",
    }
    rows = [(word, *(_plain(run.results.get(key)) for run in runs)) for word, key in asked.items()]
    return Table("What was scored", ("", *(run.name for run in runs)), tuple(rows))


def _plain(value: object) -> str:
    return "-" if value is None else str(value)


def _titled(table: Mapping[str, Any], name: str) -> Table:
    title = f"{table['title']}: {name}" if name else str(table["title"])
    rows = tuple(tuple(map(str, row)) for row in table["rows"])
    return Table(title, tuple(map(str, table["columns"])), rows)


def _unlike(runs: list[ReportRun]) -> list[str]:
    differ = [key for key in _SAME if len({str(run.results.get(key)) for run in runs}) > 1]
    if not differ:
        return []
    words = {"protocol": "protocol", "dataset": "data set", "scored_as": "naming of the data set"}
    told = " and ".join(words[key] for key in differ)
    return [f"These figures cannot be compared: the runs were scored with another {told}."]
