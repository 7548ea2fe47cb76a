"""Found people: the share within the first ranks, and at the first rank for each pair of views."""

from __future__ import annotations

import numpy as np

from gait_plugins.api import Compared, ReportMaterial, ReportRun, ReportSection
from gait_plugins.charts import Axis, Line, heat_map, line_plot, series

_DASHES = ("", "7 4", "2 3", "9 3 2 3")
MOST_RANK = 20
MOST_CONDITIONS = 4
MOST_LINES = 12
"""Of a plot; with more of them, conditions are not told apart."""
MOST_VIEWS = 60
"""Of a heat map that can be read."""


def cmc(material: ReportMaterial) -> ReportSection | None:
    """Cumulative matching characteristic of each run, and of each condition."""
    runs = [run for run in material.runs if run.ranking is not None]
    several = len(material.runs) > 1
    lines: list[Line] = []
    curves = [_cmc_curves(run) for run in material.runs]
    if sum(map(len, curves)) > MOST_LINES:
        curves = [_cmc_curves(run, apart=False) for run in material.runs]
    for number, (run, own) in enumerate(zip(material.runs, curves, strict=True)):
        for place, (condition, curve) in enumerate(own.items()):
            label = " ".join(filter(None, (run.name if several else "", condition))) or run.name
            colour = series(number if several else place)
            dash = _DASHES[place % len(_DASHES)]
            lines.append(Line(label, np.arange(1, len(curve) + 1), 100 * curve, colour, dash))
    notes = [*missing(material), *_own_rule(material)]
    if not lines:
        return ReportSection("Found within the first ranks (CMC)", "Not drawn in this report.", notes=notes)
    first = "; ".join(f"{line.label} {line.y[0]:.1f} %" for line in lines)
    low = min(float(np.nanmin(line.y)) for line in lines)
    ends = (max(0.0, 10 * np.floor(low / 10) - 10), 100.0)
    figure = line_plot(
        "curve",
        "Right person among the nearest k",
        f"Share of probes whose person is among the nearest k of the gallery. At k = 1: {first}.",
        lines,
        Axis("rank k", (1, max(len(line.x) for line in lines))),
        Axis("probes (%)", ends),
    )
    rule = (
        "as the mean over pairs of views"
        if any(_compared(r).view_by_view for r in runs)
        else "over all probes"
    )
    return ReportSection(
        "Found within the first ranks (CMC)",
        "For each walk that is looked for, the gallery is sorted by distance. The curve tells how often the "
        "right person is among the nearest k. A good curve begins high at the left and reaches 100 % soon.",
        figures=[figure],
        notes=[f"It is counted by the rule of the protocol, {rule}.", *notes],
    )


def views(material: ReportMaterial) -> ReportSection | None:
    """A heat map of the first rank for each pair of views, run and condition."""
    figures = []
    for run in material.runs:
        ranking = run.ranking
        if ranking is None or not 2 <= len(ranking.views) <= MOST_VIEWS:
            continue
        for condition, chosen in _conditions(run).items():
            rows, shares = ranking.by_view(chosen)
            if len(rows) > MOST_VIEWS:
                continue
            parts = (run.name if len(material.runs) > 1 else "", condition)
            title = ": ".join(filter(None, parts)) or "All probes"
            known = 100 * shares[np.isfinite(shares)]
            if not len(known):
                continue
            alt = f"Rank-1 of {len(rows)} by {len(ranking.views)} views: mean {known.mean():.1f} %, "
            alt += f"lowest {known.min():.1f} %, highest {known.max():.1f} %."
            name = "-".join(filter(None, (f"run{material.runs.index(run) + 1}", condition)))
            labels = ("view of the probe", "view of the gallery")
            figures.append(heat_map(name, title, alt, 100 * shares, rows, ranking.views, labels))
    if not figures:
        return None
    return ReportSection(
        "Rank-1 by view",
        "How often the nearest walk in the gallery is of the right person, for each camera view of the probe "
        "(rows) and of the gallery (columns), in %. A good map is full of colour; faint corners are views "
        "that look too different for the model.",
        figures=figures,
        notes=[
            "Empty cells are pairs that the protocol does not compare, or where no probe has its person in "
            "the gallery.",
            "A cell looks into the gallery of one view; the figures at the top may look into all of it.",
        ],
    )


def missing(material: ReportMaterial) -> list[str]:
    """Why runs are left out of what needs embeddings."""
    return [f"{run.name} is left out: {run.missing}" for run in material.runs if run.missing]


def _own_rule(material: ReportMaterial) -> list[str]:
    """Of runs whose protocol does not tell its probes and gallery."""
    strange = [run.name for run in material.runs if run.ranking is not None and not run.by_protocol]
    told = "the protocol does not tell its probes and gallery, so each sequence is compared with all others"
    return (
        [f"{', '.join(strange)}: {told}. The figures may differ from those of the protocol."]
        if strange
        else []
    )


def _cmc_curves(run: ReportRun, apart: bool = True) -> dict[str, np.ndarray]:
    """Condition -> share found within each rank; of all probes together where they are not told apart."""
    ranking = run.ranking
    if ranking is None:
        return {}
    most = max(2, min(MOST_RANK, len(_compared(run).gallery)))
    conditions = _conditions(run) if apart else {"": None}
    curves = {name: ranking.cmc(most, chosen) for name, chosen in conditions.items()}
    return {name: curve for name, curve in curves.items() if np.isfinite(curve).all()}


def _conditions(run: ReportRun) -> dict[str, np.ndarray | None]:
    """The conditions that the protocol tells, if they are few; else all probes as one without a name."""
    found = dict(_compared(run).conditions)
    return dict(found) if 0 < len(found) <= MOST_CONDITIONS else {"": None}


def _compared(run: ReportRun) -> Compared:
    assert run.compared is not None
    return run.compared
