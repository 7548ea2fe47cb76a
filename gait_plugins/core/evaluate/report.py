"""Result reports: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table as RichTable

from gait_plugins.api import Results, Table
from gait_plugins.io.atomic import write_text
from gait_plugins.io.printable import json_text, printable
from gait_plugins.io.tables import csv_text

log = logging.getLogger("gait_plugins")


def print_results(results: Results, console: Console | None = None) -> None:
    """Print the protocol, what was compared, its tables and its notes.

    Args:
        results: what a protocol found.
        console: where to; None means standard output.
    """
    console = console or Console()
    rule = f" (scored as {_shown(results.scored_as)})" if results.scored_as else ""
    title = f"[bold]{_shown(results.dataset)}[/bold]{rule}: {_shown(results.protocol)}"
    console.print(title, highlight=False, soft_wrap=True)
    console.print(_counts(results), style="dim", highlight=False)
    for table in results.tables or (_metrics_table(results),):
        _print_table(table, console)
    for note in results.notes:
        console.print(f"note: {_shown(note)}", style="yellow", highlight=False)


def results_to_json(results: Results, step: int | None = None) -> dict[str, Any]:
    """The results as plain data for JSON: numpy values become Python's, NaN becomes None.

    Args:
        results: what a protocol found.
        step: the training step of the scored weights.
    """
    data = {
        "protocol": results.protocol,
        "dataset": results.dataset,
        "scored_as": results.table,
        "step": step,
        "metrics": results.metrics,
        "probes": results.probes,
        "gallery": results.gallery,
        "probes_without_match": results.probes_without_match,
        "notes": results.notes,
        "files": [_numbered(name, step) for name in results.files],
        "tables": [{"title": t.title, "columns": t.columns, "rows": t.rows} for t in results.tables],
        "details": results.details,
    }
    plain: dict[str, Any] = _plain(data)
    return plain


def results_to_csv(results: Results) -> str:
    """One line for every figure as the protocol returns it, with what it was found by and on."""
    found_by = ("protocol", "dataset", "scored_as", "probes", "gallery", "probes_without_match")
    same = tuple(results.table if name == "scored_as" else getattr(results, name) for name in found_by)
    rows = [(name, float(value), *same) for name, value in results.metrics.items()]
    return csv_text([("figure", "value", *found_by), *rows])


def write_results(results: Results, folder: Path, step: int, protocol: str) -> Path:
    """Write ``results-<step>-<protocol>.json``, the same as CSV, and the protocol's own files.

    Each is written whole or not at all; ``step`` is put into the name of the protocol's own ones too.

    Args:
        protocol: name of the protocol, so that two of them at one step have files of their own.

    Returns:
        The path of the JSON file.
    """
    path = results_path(Path(folder), step, protocol)
    try:
        _write_all(results, path, step)
    except OSError:  # what was long computed is not lost for a full disk
        log.error("the results of step %d cannot be written: %s", step, in_words(results))
        raise
    return path


def _write_all(results: Results, path: Path, step: int) -> None:
    for name, text in results.files.items():
        own = path.with_name(_numbered(name, step))
        write_text(own, text)
        log.info("written: %s", own)
    write_text(path, json_text(results_to_json(results, step), 2, allow_nan=False) + "\n")
    write_text(path.with_suffix(".csv"), results_to_csv(results))


def in_words(results: Results) -> str:
    """The figures in one line, for a message."""
    figures = (f"{printable(name)} {float(value):.2f}" for name, value in results.metrics.items())
    return ", ".join(figures) or "none"


def results_path(folder: Path, step: int, protocol: str) -> Path:
    """Where the results of a step are written as JSON."""
    return folder / f"results-{step}-{protocol.rpartition('/')[2].rpartition('.py:')[2]}.json"


def _shown(name: str) -> str:
    """A name that is neither taken for markup nor for a command of the terminal."""
    return escape(printable(name))


def _numbered(name: str, step: int | None) -> str:
    """A file name with the step before its ending; whatever it says of folders is left away."""
    plain = Path(name)
    return plain.name if step is None else f"{plain.stem}-{step}{plain.suffix}"


def _counts(results: Results) -> str:
    if not results.gallery:  # nothing is compared with anything
        return f"{results.probes} sequences"
    text = f"{results.probes} probes, {results.gallery} gallery sequences"
    # Where nothing is scored, the probes' identities are unknown.
    return f"{text}, {results.probes_without_match} probes without a match" if results.metrics else text


def _metrics_table(results: Results) -> Table:
    """What is shown of a protocol that made no table itself."""
    rows = tuple((name, f"{value:.2f}") for name, value in results.metrics.items())
    return Table("Figures (%)", ("", "value"), rows)


def _print_table(table: Table, console: Console) -> None:
    rendered = RichTable(box=SIMPLE_HEAD, padding=0, show_edge=False)
    for number, column in enumerate(table.columns):
        rendered.add_column(_shown(column), justify="right" if number else "left")
    for row in table.rows:
        rendered.add_row(*map(_shown, row))
    # Cut figures would be lost: a table of many views may be wider than the terminal.
    unbounded = console.options.update(width=10_000)
    rendered.width = Measurement.get(console, unbounded, rendered).maximum
    console.print(f"\n{_shown(table.title)}", highlight=False)
    console.print(rendered, crop=False, no_wrap=True, overflow="ignore")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
