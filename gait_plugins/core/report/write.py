"""The making of a report: runs are read, sections are made, and page and pictures are written."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from gait_plugins.api import ReportMaterial, ReportSection
from gait_plugins.charts import Figure, png, svg
from gait_plugins.core.report.differences import differences
from gait_plugins.core.report.embedded import Wanted, add_embeddings
from gait_plugins.core.report.folders import names_of, read_run
from gait_plugins.core.report.page import Placed, page
from gait_plugins.errors import ConfigError, DataError, GaitPluginsError
from gait_plugins.io.atomic import whole_file, write_text
from gait_plugins.io.folders import unwritable
from gait_plugins.io.printable import megabytes
from gait_plugins.registry.manager import default_manager
from gait_plugins.registry.sections import NamedSection

log = logging.getLogger("gait_plugins")

Projection = Literal["auto", "pca", "umap"]
PAGE = "report.html"


def make_report(
    folders: Sequence[Path],
    out: Path | None = None,
    *,
    pictures: Path | None = None,
    tensorboard: bool = False,
    step: int | None = None,
    projection: Projection = "auto",
    wanted: Wanted | None = None,
) -> Path:
    """Write the report of runs; see :func:`gait_plugins.report`.

    Returns:
        The page.

    Raises:
        ConfigError: no run, one twice, a page that is no .html file or cannot be written, or an override that
            does not fit.
        DataError: a folder is no run, or a record cannot be read.
    """
    if not folders:
        raise ConfigError(
            "a report needs a run", hint="gait-plugins report output/<data set>/<model>/<save_name>"
        )
    target = folders[0] / PAGE if out is None else out
    if target.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(
            f"a report is written as .html, got {target.suffix or 'a name without an ending'}",
            where=str(target),
            hint=f"--out {target.with_suffix('.html')}",
        )
    if projection not in ("auto", "pca", "umap"):
        raise ConfigError(f"unknown projection {projection!r}, expected auto, pca or umap")
    offered = default_manager().report_sections()  # before a configuration chooses its plugins
    runs = [read_run(*pair, step) for pair in zip(folders, names_of(folders), strict=True)]
    material = ReportMaterial(runs, differences(folders, step), projection)
    _check_places(target, pictures)
    for run in runs:
        add_embeddings(run, wanted or Wanted())
    placed = [each for section in offered for each in _made(section, material)]
    write_text(target, page(material, placed))
    log.info("written: %s (%s)", target, megabytes(target.stat().st_size))
    figures = _with_own_names(placed)
    if pictures is not None:
        _write_pictures(pictures, figures)
    if tensorboard:
        from gait_plugins.core.report.board import write_board

        for run in runs:
            write_board(run, figures)
    return target


def _check_places(target: Path, pictures: Path | None) -> None:
    """See before the work that there is room for what is written."""
    for name, place in (("page", target), ("pictures", None if pictures is None else pictures / PAGE)):
        if place is not None and (reason := unwritable(place)):
            raise ConfigError(
                f"the {name} cannot be written there: {reason}", where=str(place), hint="name another place"
            )


def _made(offered: NamedSection, material: ReportMaterial) -> list[Placed]:
    """The section, if it has something to show; one that fails says so in its place."""
    try:
        section = offered.load()(material)
        if section is not None and not isinstance(section, ReportSection):
            raise TypeError(f"it returned {type(section).__name__}, expected ReportSection or None")
        placed = None if section is None else Placed(offered.name, section)
        return [placed] if placed and placed.body else []
    except (DataError, ConfigError) as error:
        section = ReportSection(offered.name, f"This section is left out: {error.message}.")
    except Exception as error:
        told = (
            f"{offered.owner} failed in the report section {offered.name!r} ({type(error).__name__}: {error})"
        )
        if isinstance(error, GaitPluginsError):
            told = f"{offered.owner}: {error.message}"
        log.error("%s", told, exc_info=log.isEnabledFor(logging.DEBUG))
        section = ReportSection(offered.name, f"This section is left out: {told}.")
    return [Placed(offered.name, section)]


def _with_own_names(sections: Sequence[Placed]) -> list[Figure]:
    """The figures, each with a name of its own that a file may have."""
    named: dict[str, Figure] = {}
    for placed in sections:
        for figure in placed.section.figures:
            name = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{placed.anchor}-{figure.name}").strip("-.")
            while name in named:
                name += "-again"
            named[name] = replace(figure, name=name)
    return list(named.values())


def _write_pictures(folder: Path, figures: Sequence[Figure]) -> None:
    """Each figure as SVG and as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        write_text(folder / f"{figure.name}.svg", svg(figure, alone=True))
        with whole_file(folder / f"{figure.name}.png") as file:
            file.write(png(figure))
    log.info("written: %d pictures, as SVG and PNG: %s%s", len(figures), folder, os.sep)
