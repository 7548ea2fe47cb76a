"""Errors of a threshold: distances of same and different people, ROC and DET curves."""

from __future__ import annotations

import numpy as np

from gait_plugins.api import ReportMaterial, ReportRun, ReportSection, Table
from gait_plugins.charts import Axis, Figure, Line, line_plot, series

_SHOWN_BINS = 50
_RATES = (0.1, 0.01, 0.001)


def errors(material: ReportMaterial) -> ReportSection | None:
    """Histograms of distances, ROC and DET of each run, and a table of error rates."""
    runs = [run for run in material.runs if run.ranking is not None and _both_kinds(run)]
    if not runs:
        return None
    several = len(material.runs) > 1
    curves = [_curves(run) for run in runs]
    colours = [series(list(material.runs).index(run)) for run in runs]
    pairs = list(zip(runs, curves, colours, strict=True))
    low, least = min(_smallest(run) for run in runs), _least(curves)
    told = "; ".join(f"{run.name}: equal error rate {100 * _equal(run):.2f} %" for run in runs)
    roc = line_plot(
        "roc",
        "ROC: same people accepted",
        f"Share of same pairs accepted over the share of different pairs accepted. {told}.",
        [Line(run.name, 100 * _above(a, low), 100 * (1 - b), colour) for run, (a, b), colour in pairs],
        Axis("different pairs accepted (%)", (100 * low, 100), log=True),
        Axis("same pairs accepted (%)", (0, 100)),
    )
    det = line_plot(
        "det",
        "DET: both errors",
        f"Share of same pairs refused over the share of different pairs accepted, logarithmic. {told}.",
        [
            Line(run.name, 100 * _above(a, low), 100 * _above(b, least), colour)
            for run, (a, b), colour in pairs
        ],
        Axis("different pairs accepted (%)", (100 * low, 100), log=True),
        Axis("same pairs refused (%)", (100 * least, 100), log=True),
    )
    return ReportSection(
        "Distances and errors of a threshold",
        "A threshold on the distance decides whether two walks are of one person. In a good model the "
        "distances of same people (left) lie apart from those of different people (right), the ROC curve "
        "hugs the upper left corner, and the DET curve lies low.",
        figures=[*(_histogram(run, material, several) for run in runs), roc, det],
        tables=[_table(runs)],
    )


def _both_kinds(run: ReportRun) -> bool:
    ranking = run.ranking
    return ranking is not None and bool(ranking.same.sum()) and bool(ranking.different.sum())


def _curves(run: ReportRun) -> tuple[np.ndarray, np.ndarray]:
    """False match and false non-match rates, at as many thresholds as can be told apart in a plot."""
    assert run.ranking is not None
    match, found = run.ranking.errors
    kept = np.flatnonzero(np.diff(np.round(np.log10(np.maximum(match, 1e-9)), 2), prepend=-99.0))
    return match[kept], 1 - found[kept]


def _smallest(run: ReportRun) -> float:
    """The rate of a single pair of different people, rounded up to a power of ten."""
    assert run.ranking is not None
    power = np.ceil(np.log10(1 / max(int(run.ranking.different.sum()), 10)) - 1e-9)
    return float(10.0 ** max(-6.0, power))


def _least(curves: list[tuple[np.ndarray, np.ndarray]]) -> float:
    lowest = min((float(fnmr[fnmr > 0].min()) for _, fnmr in curves if (fnmr > 0).any()), default=0.01)
    return float(10.0 ** np.floor(np.log10(min(0.1, max(lowest, 1e-3)))))


def _above(rates: np.ndarray, low: float) -> np.ndarray:
    """Rates that a logarithmic axis can show; NaN below it."""
    return np.where(rates >= low, rates, np.nan)


def _equal(run: ReportRun) -> float:
    assert run.ranking is not None
    return run.ranking.equal_error


def _histogram(run: ReportRun, material: ReportMaterial, several: bool) -> Figure:
    assert run.ranking is not None
    edges = run.ranking.edges
    low, high = _ends(run)
    bounds = np.linspace(low, high, _SHOWN_BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    lines = []
    for label, counts, colour, dash in (
        ("same person", run.ranking.same, "s0", ""),
        ("different people", run.ranking.different, "s1", "6 3"),
    ):
        share, _ = np.histogram(middles, bounds, weights=counts)
        x = np.repeat(bounds, 2)[1:-1]
        lines.append(Line(label, x, np.repeat(100 * share / counts.sum(), 2), colour, dash, filled=True))
    means = [float(np.average(middles, weights=c)) for c in (run.ranking.same, run.ranking.different)]
    title = f"Distances: {run.name}" if several else "Distances"
    return line_plot(
        f"distances-{list(material.runs).index(run) + 1}",
        title,
        f"Histogram of distances: same person {means[0]:.3g} in the mean, different people {means[1]:.3g}.",
        lines,
        Axis("cosine distance" if run.metric == "cos" else "distance", (low, high)),
        Axis("pairs of their kind (%)", zero=True),
    )


def _ends(run: ReportRun) -> tuple[float, float]:
    """From the smallest to the largest distance that occurs."""
    assert run.ranking is not None
    there = np.flatnonzero(run.ranking.same + run.ranking.different)
    low, high = run.ranking.edges[there[0]], run.ranking.edges[there[-1] + 1]
    return float(low), float(max(high, low + 1e-6))


def _table(runs: list[ReportRun]) -> Table:
    rows = [("equal error rate", *(f"{100 * _equal(run):.2f}" for run in runs))]
    for rate in _RATES:
        found = [_missed_at(run, rate) for run in runs]
        rows.append((f"same refused where {100 * rate:g} % of different are accepted", *found))
    counts = [run.ranking for run in runs if run.ranking is not None]
    rows.append(("pairs of one person", *(str(int(each.same.sum())) for each in counts)))
    rows.append(("pairs of two people", *(str(int(each.different.sum())) for each in counts)))
    return Table("Error rates (%)", ("", *(run.name for run in runs)), tuple(rows))


def _missed_at(run: ReportRun, rate: float) -> str:
    assert run.ranking is not None
    match, found = run.ranking.errors
    if run.ranking.different.sum() * rate < 1:
        return "too few pairs"
    return f"{100 * (1 - found[np.flatnonzero(match <= rate)[-1]]):.2f}"
