"""The page of a report: HTML with its style and its pictures inside, the same for the same sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib.resources import files

from gait_plugins.api import ReportMaterial, ReportRun, ReportSection, Table
from gait_plugins.charts import DARK, LIGHT, RULES, Figure, svg, variables
from gait_plugins.io.printable import printable
from gait_plugins.version import __version__

LONG_TABLE = 30
"""Rows from which on a table is folded."""


@dataclass(frozen=True)
class Placed:
    """A section with its place on the page."""

    anchor: str
    section: ReportSection

    @cached_property
    def body(self) -> str:
        """The section as HTML; fails where a package has put something else in it than it promised."""
        return _section(self)


def page(material: ReportMaterial, sections: Sequence[Placed]) -> str:
    """The whole page, as HTML."""
    names = [run.name for run in material.runs]
    title = _text(f"Report of {names[0]}" if len(names) == 1 else f"{len(names)} runs compared")
    links = "".join(f'<li><a href="#{each.anchor}">{_text(each.section.title)}</a></li>' for each in sections)
    body = "\n".join(each.body for each in sections)
    runs = "" if len(names) == 1 else f'<p class="sub">{_text(", ".join(names))}</p>'
    notes = "\n".join(_run_notes(run, len(names) > 1) for run in material.runs)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{_style()}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{runs}
{notes}
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
<footer>Made by gait-plugins {_text(__version__)} from the files of the run{"s" * (len(names) > 1)}.</footer>
</body>
</html>
"""


def _style() -> str:
    """The colours of both themes; ``data-theme`` on the root element chooses one for good."""
    dark = f"{variables(DARK)}color-scheme:dark"
    themes = (
        f":root{{{variables(LIGHT)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}:root[data-theme=light]{{color-scheme:light}}}}"
    )
    sheet = files("gait_plugins.core.report").joinpath("page.css").read_text(encoding="utf-8")
    return sheet + themes + RULES


def _run_notes(run: ReportRun, named: bool) -> str:
    told = [f"{run.name}: {note}" if named else note for note in run.notes]
    return "".join(f'<p class="alert">{_text(note)}</p>' for note in told)


def _section(placed: Placed) -> str:
    section = placed.section
    figures = "".join(map(_figure, section.figures))
    parts = [
        f"<h2>{_text(section.title)}</h2><p>{_text(section.lead)}</p>",
        f'<div class="figures">{figures}</div>' if figures else "",
        *map(_table, section.tables),
        *(f'<p class="note">{_text(note)}</p>' for note in section.notes),
    ]
    return f'<section id="{placed.anchor}">{"".join(parts)}</section>'


def _figure(figure: Figure) -> str:
    return f"<figure><figcaption>{_text(figure.title)}</figcaption>{svg(figure)}</figure>"


def _table(table: Table) -> str:
    words = " class=words" if any(_is_words(cell) for row in table.rows for cell in row[1:]) else ""
    heads = "".join(f'<th scope="col">{_text(column)}</th>' for column in table.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    inside = f"<table{words}><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    label = _text(table.title)
    box = f'<div class="box" tabindex="0" role="region" aria-label="{label}">{inside}</div>'
    if len(table.rows) > LONG_TABLE:
        return f"<details><summary>{label} ({len(table.rows)} rows)</summary>{box}</details>"
    return f"<h3>{label}</h3>{box}"


def _is_words(cell: str) -> bool:
    return any(letter.isalpha() for letter in str(cell))


def _text(text: str) -> str:
    return escape(printable(text))
