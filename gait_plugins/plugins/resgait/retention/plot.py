"""Retention plot: what a second training gains under conditions of growing amount."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import whole_file
from gait_plugins.plugins.resgait.retention.report import Retention, Row, curves

BEFORE, AFTER, BOUND = "#b3432b", "#1f5fa8", "#555555"
PANEL = (2.2, 2.2)
"""Inches of a panel: three of them are as wide as a page's text."""
MARGIN = (0.5, 0.5)
"""Inches for the figure's name and for the legend."""
PER_ROW = 4
DPI = 200


def plot_retention(found: Retention, path: Path) -> Path:
    """Write a PNG with a panel for each kind of condition: both runs' figures against the amount.

    Args:
        found: the comparison.
        path: file to write.

    Raises:
        DataError: no condition's name ends with an amount.
        ConfigError: matplotlib is not installed.
    """
    kinds = curves(found.rows)
    if not kinds:
        raise DataError(
            "no condition's name ends with an amount, which the plot needs for its axis",
            where=str(path),
            hint="name the conditions 'top 20%', 'top 40%' and so on",
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "plots need matplotlib, which is not installed",
            hint="pip install 'gait-plugins-trackletgait[viz]'",
        ) from error
    rows = math.ceil(len(kinds) / PER_ROW)
    columns = math.ceil(len(kinds) / rows)
    size = (PANEL[0] * columns + MARGIN[0], PANEL[1] * rows + MARGIN[1])
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for panel, (kind, points) in zip(panels, kinds.items(), strict=False):
        _draw(panel, kind, points, found)
    for unused in panels[len(kinds) :]:
        unused.remove()
    figure.supylabel(found.title, fontsize=8)
    highest = max(found.bound, found.whole, *(value for row in found.rows for value in row[1:3]))
    panels[0].set_ylim(0, min(102, 10 * (highest // 10 + 1) + 2))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    with whole_file(path) as file:
        figure.savefig(file, format="png")
    return path


def _draw(panel: Any, kind: str, points: list[tuple[float, Row]], found: Retention) -> None:
    """One kind: the bound, and both runs from no amount to the highest."""
    before, after = found.names
    amounts = [0.0, *(100 * amount for amount, _ in points)]
    ours = [found.bound, *(row.before for _, row in points)]
    theirs = [found.whole, *(row.after for _, row in points)]
    panel.axhline(
        found.bound, color=BOUND, linewidth=0.9, linestyle=":", label=f"bound ({before}, as they are)"
    )
    panel.plot(amounts, ours, "o-", color=BEFORE, markersize=5, linewidth=1.4, label=before)
    # Hollow, so that what lies under it is seen.
    panel.plot(
        amounts, theirs, "s--", color=AFTER, markersize=6, markerfacecolor="none", linewidth=1.4, label=after
    )
    panel.set_title(kind, fontsize=9)
    panel.set_xlabel("amount (%)", fontsize=8)
    panel.tick_params(labelsize=8, labelbottom=True)
    panel.grid(alpha=0.25)
