"""``gait-plugins report`` and ``gait-plugins runs``: show and compare the folders of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.api.commands import out_option, override_option
from gait_plugins.cli.plugin_commands import OpenGroup
from gait_plugins.io.printable import printable, say, say_json

if TYPE_CHECKING:
    from gait_plugins.core.runs.compare import Difference, RunComparison

LONGEST = 44
"""Letters of a setting that are shown."""

app = typer.Typer(cls=OpenGroup, no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Run folder: output/<data set>/<model>/<save_name>.")]


def run_report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Run folders: output/<data set>/<model>/<save_name>."),
    ],
    out: Annotated[
        Path | None,
        out_option("FILE", "File to write: .html; default: report.html in the first run folder."),
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also put each picture there, as SVG and as PNG.")
    ] = None,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Also write pictures, embeddings and settings into summary/ of each run."
        ),
    ] = False,
    step: Annotated[
        int | None, typer.Option(help="Step whose results are shown; default: the last of each run.")
    ] = None,
    projection: Annotated[
        str, typer.Option(help="Of embeddings: pca, umap, or auto, which is umap where it is installed.")
    ] = "auto",
    embed: Annotated[
        bool,
        typer.Option(
            "--embed/--no-embed", help="Embed the test set again where a run keeps no embeddings of it."
        ),
    ] = True,
    override: Annotated[
        list[str] | None,
        override_option("Override a setting of the runs, as data_cfg.dataset_root=DIR; may be repeated."),
    ] = None,
    device: Annotated[str, typer.Option(help="Device to embed on: auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Write a page of one run, or of several side by side: curves, errors, embeddings, probes, settings."""
    from gait_plugins.core.functions import report

    page = report(
        *runs,
        out=out,
        pictures=pictures,
        tensorboard=tensorboard,
        step=step,
        projection=projection,  # type: ignore[arg-type]  # checked where it is used
        embed=embed,
        overrides=override or (),
        device=device,  # type: ignore[arg-type]
    )
    say(f"{page}: open it in any browser")


@app.callback()
def _group() -> None:
    """Compare runs."""


@app.command("compare")
def compare(
    a: Folder,
    b: Folder,
    step: Annotated[
        int | None, typer.Option(help="Step whose results are compared; default: the last of each run.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Protocol (eval_func) whose results are compared; default: one that both runs have."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the figures of two runs, and their differences in settings, data, versions and seeds."""
    from gait_plugins.core.runs.compare import compare_runs

    found = compare_runs(a, b, step, protocol)
    if as_json:
        say_json(found.as_dict())
    else:
        say("\n".join(_lines(found)))


def _lines(found: RunComparison) -> Iterator[str]:
    yield f"A  {found.a}"
    yield f"B  {found.b}"
    yield from _table("figures (%)", found.figures, ("A", "B", "B - A"))
    yield from _table("scored differently: the figures may not be comparable", found.scored)
    yield from _table("seeds", found.seeds)
    yield from _table("data", found.data)
    yield from _table("settings", found.settings)
    yield from _table("changed in the middle of a run, by --allow-changes or another machine", found.changes)
    yield from _table("versions", found.versions)
    yield from _table("machine", found.machine)
    changed = [change for change in found.changes if change.a != change.b]
    causes = (found.seeds, found.data, found.settings, changed, found.versions, found.machine, found.scored)
    if not any(causes):
        yield "\nthe two runs have the same settings, data, versions, seeds and machine"


def _table(
    title: str, differences: Sequence[Difference], heads: tuple[str, ...] = ("A", "B")
) -> Iterator[str]:
    if not differences:
        return
    rows = [("", *heads)]
    for name, a, b in differences:
        gap = [f"{b - a:+.2f}" if a is not None and b is not None else ""] if len(heads) == 3 else []
        texts = _text(a), _text(b)
        # Long values may differ at their ends alone: what is shown must show it.
        shown = texts if texts[0] != texts[1] or gap else (printable(a), printable(b))
        rows.append((printable(name), *shown, *gap))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield f"\n{title}"
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _text(value: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.2f}" if isinstance(value, float) and abs(value) >= 1 else printable(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
