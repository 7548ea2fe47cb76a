"""Curves of the training: losses, learning rate, other figures, tests on the way, and time of a step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from gait_plugins.api import ReportMaterial, ReportRun, ReportSection
from gait_plugins.charts import Axis, Figure, Line, line_plot, series

_FIRST = ("loss", "learning_rate", "gradient_norm")
MOST_FIGURES = 16


def training(material: ReportMaterial) -> ReportSection | None:
    """A plot for each figure of the log, with a line for each run."""
    curves = [_curves(run) for run in material.runs]
    names = dict.fromkeys(name for each in curves for name in each)
    if not names:
        silent = (
            "The log of the training holds no figures: they are written every trainer_cfg.log_iter steps."
        )
        return ReportSection("Training", "The figures of the log while the model learnt.", notes=[silent])
    ordered = sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    shown = [_plot(name, curves, material.runs) for name in ordered[:MOST_FIGURES]]
    left = (
        []
        if len(names) <= MOST_FIGURES
        else [f"{len(names) - MOST_FIGURES} further figures are in TensorBoard."]
    )
    return ReportSection(
        "Training",
        "The figures of the log while the model learnt. A good training shows losses that fall and then "
        "level off, and accuracies that rise; a loss that jumps or rises asks for a lower learning rate.",
        figures=[*shown, *_tests(material.runs), *_pace(material.runs)],
        notes=left,
    )


def _curves(run: ReportRun) -> dict[str, tuple[list[int], list[float]]]:
    """Figure -> its steps and values."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for record in run.records:
        if record.get("type") == "step":
            for key, value in (record.get("metrics") or {}).items():
                steps, values = found.setdefault(str(key).removeprefix("scalar/"), ([], []))
                steps.append(int(record["step"]))
                values.append(np.nan if value is None else float(value))
    return found


def _plot(
    name: str, curves: Sequence[dict[str, tuple[list[int], list[float]]]], runs: Sequence[ReportRun]
) -> Figure:
    lines = [
        Line(run.name, *each[name], colour=series(number))
        for number, (run, each) in enumerate(zip(runs, curves, strict=True))
        if name in each
    ]
    last = "; ".join(f"{line.label} ends at {line.y[-1]:.4g}" for line in lines)
    file = name.replace("/", "-").replace("_", "-")
    return line_plot(
        file, name, f"{name} over the steps of the training: {last}.", lines, Axis("step"), Axis("")
    )


def _tests(runs: Sequence[ReportRun]) -> list[Figure]:
    """The first figures of the tests on the way, where a run was tested more than once."""
    lines = []
    for number, run in enumerate(runs):
        found = {
            int(record["step"]): record["metrics"]
            for record in run.records
            if record.get("type") == "results"
        }
        names = dict.fromkeys(name for metrics in found.values() for name in metrics)
        for place, name in enumerate(list(names)[:3]):
            steps = sorted(step for step in found if found[step].get(name) is not None)
            if len(steps) > 1:
                values = [float(found[step][name]) for step in steps]
                label = f"{run.name}: {name}" if len(runs) > 1 else name
                colour, dash = (
                    (series(number), ("", "7 4", "2 3")[place]) if len(runs) > 1 else (series(place), "")
                )
                lines.append(Line(label, steps, values, colour, dash))
    if not lines:
        return []
    alt = f"Figures of {len(lines[0].x)} tests during the training."
    return [line_plot("tests", "Tests on the way", alt, lines, Axis("step"), Axis("%"))]


def _pace(runs: Sequence[ReportRun]) -> list[Figure]:
    """Seconds of a step between two lines of the log."""
    lines = []
    for number, run in enumerate(runs):
        steps, seconds = [], []
        for before, after in pairwise(run.records):
            if before.get("type") == after.get("type") == "step" and after["step"] > before["step"]:
                steps.append(after["step"])
                seconds.append((after["time"] - before["time"]) / (after["step"] - before["step"]))
        if len(steps) > 1:
            lines.append(Line(run.name, steps, seconds, series(number)))
    if not lines:
        return []
    alt = "; ".join(f"{line.label}: {np.median(line.y):.3g} seconds a step in the middle" for line in lines)
    return [line_plot("pace", "Time of a step", f"{alt}.", lines, Axis("step"), Axis("seconds", zero=True))]
