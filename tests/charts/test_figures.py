"""Figures as SVG and PNG: well-formed, the same for the same, readable in both themes."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from gait_plugins.charts import (
    DARK,
    LIGHT,
    Axis,
    Figure,
    Line,
    Strip,
    cloud,
    colours_of,
    heat_map,
    line_plot,
    png,
    strips,
    svg,
)
from gait_plugins.charts.colours import luminance
from gait_plugins.charts.scales import Scale, span
from gait_plugins.charts.shapes import Label, text_width

ODD = 'a <b> & "c" \x1b[31m'


def plot() -> Figure:
    x = np.arange(1, 21)
    lines = [Line(ODD, x, np.sqrt(x)), Line("b", x, np.where(x == 5, np.nan, x), dash="6 3", filled=True)]
    return line_plot("plot", "Plot", f"Two lines: {ODD}", lines, Axis("rank"), Axis("share"))


def clouded() -> Figure:
    groups = [f"{number % 12:03d}" for number in range(60)]
    places = np.random.default_rng(0).normal(size=(60, 2))
    return cloud("cloud", "Cloud", "Dots", places, groups, colours_of(groups), [ODD] * 60)


def mapped() -> Figure:
    values = np.array([[10.0, np.nan], [90.0, 55.5]])
    return heat_map("map", "Map", "Cells", values, ["000", ODD], ["000", "090"], ("probe", "gallery"))


def stripped() -> Figure:
    grey = np.full((3, 20, 14), 255, np.uint8)
    rows = [
        Strip("looked for", grey),
        Strip("coloured", np.stack([grey] * 3, -1), "bad"),
        Strip("none", grey[:0]),
    ]
    return strips("strips", "Strips", "Frames", rows, 3)


FIGURES = {figure.name: figure for figure in (plot(), clouded(), mapped(), stripped())}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("alone", [False, True])
def test_svg_is_well_formed_and_says_what_is_seen(name: str, alone: bool):
    text = svg(FIGURES[name], alone=alone)
    root = ElementTree.fromstring(text)
    assert root.get("aria-label", "").split(":")[0] == FIGURES[name].alt.split(":")[0]
    assert "\x1b" not in text
    assert ("prefers-color-scheme" in text) == alone
    assert text == svg(FIGURES[name], alone=alone)


@pytest.mark.parametrize("name", FIGURES)
def test_png_has_twice_the_size_and_something_on_it(name: str):
    data = png(FIGURES[name])
    picture = Image.open(io.BytesIO(data))
    assert picture.size == tuple(round(2 * side) for side in (FIGURES[name].width, FIGURES[name].height))
    assert len(picture.getcolors(1 << 24)) > 4
    assert data == png(FIGURES[name])


@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_map_of_few_rows_has_room_for_what_the_rows_are(count: int) -> None:
    said = "view of the probe"
    names = [f"{number:03d}" for number in range(count)]
    figure = heat_map("map", "Map", "Cells", np.eye(count), names, names, (said, "view of the gallery"))
    (label,) = [shape for shape in figure.shapes if isinstance(shape, Label) and shape.text == said]
    assert text_width(said) / 2 <= label.y <= figure.height - text_width(said) / 2


def test_a_gap_stays_a_gap():
    drawn = ElementTree.fromstring(svg(plot()))
    lines = [
        each for each in drawn.iter("polyline") if each.get("stroke-dasharray")
    ]  # the first is its name's
    assert [len(each.get("points", "").split()) for each in lines][1:] == [4, 15]  # 1..4 and 6..20


@pytest.mark.parametrize(
    ("scale", "texts"),
    [
        (Scale(0, 1, 0, 100), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (Scale(0, 100, 0, 100), ["0", "20", "40", "60", "80", "100"]),
        (
            Scale(0.0015, 0.0045, 0, 100),
            ["0.0015", "0.0020", "0.0025", "0.0030", "0.0035", "0.0040", "0.0045"],
        ),
        (Scale(0.001, 100, 0, 100, log=True), ["0.001", "0.01", "0.1", "1", "10", "100"]),
        (Scale(0, 40_000, 0, 100), ["0", "10k", "20k", "30k", "40k"]),
        (Scale(-1500, 1500, 0, 100), ["-1500", "-1000", "-500", "0", "500", "1000", "1500"]),
        (Scale(0, 3e-6, 0, 100), ["0", "5.0e-07", "1.0e-06", "1.5e-06", "2.0e-06", "2.5e-06", "3.0e-06"]),
    ],
)
def test_ticks_are_round_numbers_within_the_ends(scale: Scale, texts: list[str]):
    assert [text for _, text in scale.ticks()] == texts
    assert all(0 <= scale(value) <= 100 for value, _ in scale.ticks())


@pytest.mark.parametrize("values", [[], [3.0], [0.0, 0.0], [np.nan, np.inf], [-5.0, -5.0]])
def test_a_scale_has_a_length_whatever_it_holds(values: list[float]):
    for zero in (False, True):
        low, high = span(values, zero=zero)
        assert low < high


def contrast(one: str, other: str) -> float:
    parts = ([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)] for colour in (one, other))
    high, low = sorted((luminance(*each) for each in parts), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_and_lines_stand_out_from_the_paper(theme: dict[str, str]):
    """By WCAG 2.2: 4.5 to 1 for text, 3 to 1 for what is drawn."""
    for name in ("ink", "muted", "good", "bad"):
        assert contrast(theme[name], theme["paper"]) >= 4.5, name
    for name in (f"s{number}" for number in range(8)):
        assert contrast(theme[name], theme["paper"]) >= 3, name
    for colour in colours_of(map(str, range(40))).values():
        assert contrast(colour, theme["paper"]) >= 3, colour


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("value", [0, 30, 59, 61, 80, 100])
def test_the_number_in_a_cell_can_be_read(theme: dict[str, str], value: float):
    figure = heat_map("m", "m", "m", np.array([[value]], float), ["a"], ["b"], ("r", "c"))
    written = next(shape for shape in figure.shapes if getattr(shape, "text", "") == f"{value:.0f}")
    ours, paper = (
        np.array([int(theme[name][i : i + 2], 16) for i in (1, 3, 5)]) for name in ("heat", "paper")
    )
    cell = "#" + "".join(f"{round(c):02x}" for c in value / 100 * ours + (1 - value / 100) * paper)
    assert contrast(theme[written.colour], cell) >= 3.75
