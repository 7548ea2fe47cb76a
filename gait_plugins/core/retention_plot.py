"""A picture of what a second training gains under conditions of growing amount."""

from __future__ import annotations

from pathlib import Path

from gait_plugins.core.atomic import whole_file
from gait_plugins.core.retention import Retention, curves
from gait_plugins.errors import ConfigError, DataError

BEFORE, AFTER, BOUND = "#b3432b", "#1f5fa8", "#777777"
PANEL = (3.2, 3.0)
"""Inches of a panel."""
DPI = 130


def plot_retention(found: Retention, path: Path, names: tuple[str, str] = ("before", "after")) -> Path:
    """Write a PNG with a panel for each kind of condition: the figure against the amount.

    Args:
        found: the comparison.
        path: file to write.
        names: of the two runs, for the legend.

    Raises:
        DataError: no condition's name ends with an amount.
        ConfigError: matplotlib is not installed.
    """
    kinds = curves(found.rows)
    if not kinds:
        raise DataError(
            "no condition's name ends with an amount, so there is nothing to draw it against",
            where=str(path),
            hint="call them 'top 20%', 'top 40%' and so on",
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "pictures need matplotlib", hint="pip install 'gait-plugins-trackletgait[viz]'"
        ) from error
    figure = Figure(figsize=(PANEL[0] * len(kinds) + 0.4, PANEL[1]), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for panel, (kind, points) in zip(panels, kinds.items(), strict=True):
        amounts = [0.0, *(amount for amount, _ in points)]
        panel.axhline(found.bound, color=BOUND, linewidth=0.8, linestyle=":")
        panel.plot(
            amounts, [found.bound, *(row.before for _, row in points)], "o-", color=BEFORE, label=names[0]
        )
        panel.plot(
            amounts, [found.whole, *(row.after for _, row in points)], "s-", color=AFTER, label=names[1]
        )
        panel.set_title(kind, fontsize=10)
        panel.set_xlabel("amount")
        panel.set_ylim(0, 102)
        panel.grid(alpha=0.25)
    panels[0].set_ylabel(f"{', '.join(found.figures)} (%)", fontsize=9)
    panels[0].legend(fontsize=8, loc="lower left")
    with whole_file(path) as file:
        figure.savefig(file, format="png")
    return path
