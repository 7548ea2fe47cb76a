"""``gait-plugins runs retention``: compares two stages under test conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gait_plugins.api.commands import chosen_out, old_option, out_option
from gait_plugins.io.printable import say, say_json
from gait_plugins.plugins.resgait.retention.report import retention

Folder = Annotated[Path, typer.Argument(help="Run folder that was tested under evaluator_cfg.conditions.")]


def run_retention(
    before: Folder,
    after: Folder,
    figure: Annotated[
        list[str] | None,
        typer.Option(help="Figure to average; may be repeated. Default: all Rank-1 figures."),
    ] = None,
    out: Annotated[
        Path | None,
        out_option("FILE", "PNG file to write: the figure against the amount of the condition."),
    ] = None,
    old: Annotated[Path | None, old_option("--plot")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a model and a later stage under the conditions that both were scored under.

    The bound is the first run's figure without conditions. RP, the relative performance, is a figure
    under a condition divided by the bound. Retention is the second run's figure without conditions
    divided by the bound.
    """
    plot = out if old is None else chosen_out("runs retention", out, plot=old)
    found = retention(before, after, figure or ())
    if as_json:
        say_json(found.as_dict())
    else:
        lines = found.lines()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        say(found.title)
        for line in lines:
            cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
            say("  ".join([line[0].ljust(widths[0]), *cells[1:]]))
        say(f"bound {found.bound:.2f} ({found.names[0]}, as they are), retention {found.retention:.3f}")
    if plot is not None:
        # Needs matplotlib, which only this asks for.
        from gait_plugins.plugins.resgait.retention.plot import plot_retention

        plot_retention(found, plot)
        say(f"written: {plot}", error=True)
