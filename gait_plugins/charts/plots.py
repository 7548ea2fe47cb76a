"""Plots with two axes: lines, areas below them, and clouds of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gait_plugins.charts.colours import series
from gait_plugins.charts.scales import Scale, span
from gait_plugins.charts.shapes import Box, Dot, Figure, Label, Polyline, Shape, shortened, text_width

WIDTH, HEIGHT = 400, 285
"""Of a plot, in pixels; its texts are read on a narrow screen too."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 12, 44
_ROW = 17
MOST_POINTS = 400
"""Of a line: longer ones are thinned out."""
MOST_NAMED = 24
"""Groups of a cloud that are named beside it."""


@dataclass(frozen=True)
class Line:
    """A line of a plot."""

    label: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    colour: str = ""
    """By default one for each place in the plot."""
    dash: str = ""
    filled: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis: its name, and its ends where they are not those of the values."""

    label: str
    ends: tuple[float, float] | None = None
    log: bool = False
    zero: bool = False


def line_plot(name: str, title: str, alt: str, lines: Sequence[Line], x: Axis, y: Axis) -> Figure:
    """Lines over one another.

    Args:
        name: of the figure's file.
        title: above it.
        alt: what is seen, in a sentence.
        lines: values that are not finite leave gaps.
        x: the horizontal axis.
        y: the vertical axis.
    """
    keys = [(line.label, line.colour or series(place), line.dash) for place, line in enumerate(lines)]
    legend = _legend(keys if len(lines) > 1 else [])
    top = _TOP + legend.height
    across = _scale(x, [line.x for line in lines], _LEFT, WIDTH - _RIGHT)
    up = _scale(y, [line.y for line in lines], top + HEIGHT - _BOTTOM - _TOP, top)
    shapes: list[Shape] = [*legend.shapes, *_frame(across, up, x.label, y.label)]
    for line, (_, colour, dash) in zip(lines, keys, strict=True):
        for piece in _pieces(line):
            points = [(round(across(a), 1), round(up(b), 1)) for a, b in piece]
            if line.filled:
                base = round(up.start, 1)
                closed = [(points[0][0], base), *points, (points[-1][0], base)]
                shapes.append(Polyline(closed, colour, filled=True))
            if len(points) == 1:
                shapes.append(Dot(*points[0], 3, colour, line.label))
            shapes.append(Polyline(points, colour, dash=dash, title=line.label))
    return Figure(name, title, alt, WIDTH, HEIGHT + legend.height, tuple(shapes))


def cloud(
    name: str,
    title: str,
    alt: str,
    places: np.ndarray,
    groups: Sequence[str],
    colours: dict[str, str],
    titles: Sequence[str] = (),
) -> Figure:
    """Points in two dimensions on one scale, coloured by group.

    Args:
        name: of the figure's file.
        title: above it.
        alt: what is seen, in a sentence.
        places: float ``[n, 2]``.
        groups: of each point.
        colours: group -> colour; named beside the cloud if there are up to 24.
        titles: of each point, shown where the pointer rests.
    """
    keys = [(group, colour, "") for group, colour in colours.items()]
    legend = _legend(keys if len(keys) <= MOST_NAMED else [], dots=True)
    size = WIDTH - 24
    top = _TOP + legend.height
    low, high = (places.min(0), places.max(0)) if len(places) else (np.zeros(2), np.ones(2))
    reach = max(float((high - low).max()), 1e-9)
    middle = (high + low) / 2
    tall = max(0.45, float((high - low)[1]) / reach)
    height = size * tall
    shapes: list[Shape] = [*legend.shapes, Box(12, top, size, height, "grid", hollow=True)]
    spread = (places - middle) / reach * (size - 24)
    for row, (right, upward) in enumerate(spread.tolist()):
        x, y = round(12 + size / 2 + right, 1), round(top + height / 2 - upward, 1)
        shapes.append(Dot(x, y, 2.6, colours[groups[row]], titles[row] if titles else ""))
    return Figure(name, title, alt, WIDTH, top + height + 12, tuple(shapes))


@dataclass(frozen=True)
class _Legend:
    shapes: list[Shape]
    height: float


def _legend(keys: Sequence[tuple[str, str, str]], dots: bool = False) -> _Legend:
    """Names of lines or groups, in rows above the plot."""
    shapes: list[Shape] = []
    x, y = 12.0, 14.0
    for label, colour, dash in keys:
        text = shortened(label, WIDTH - 60)
        wide = text_width(text) + (26 if dots else 36)
        if x > 12 and x + wide > WIDTH:
            x, y = 12.0, y + _ROW
        mark: Shape = Dot(x + 5, y - 4, 4, colour)
        if not dots:
            mark = Polyline([(x, y - 4), (x + 18, y - 4)], colour, 2.4, dash)
        shapes += [mark, Label(x + (14 if dots else 23), y, text, colour="ink")]
        x += wide
    return _Legend(shapes, y + 2 if keys else 0)


def _scale(axis: Axis, values: Sequence[Sequence[float] | np.ndarray], start: float, end: float) -> Scale:
    known = [float(value) for line in values for value in line]
    if axis.ends is not None:
        low, high = axis.ends
    elif axis.log:
        above = [value for value in known if value > 0] or [0.1, 1.0]
        low, high = min(above), max(above)
        low = low if low < high else high / 10
    else:
        low, high = span(known, zero=axis.zero)
    return Scale(low, high, start, end, axis.log)


def _frame(across: Scale, up: Scale, x_label: str, y_label: str) -> list[Shape]:
    """Lines of the grid, texts of the ticks, and the names of the axes."""
    shapes: list[Shape] = []
    for value, text in up.ticks():
        y = round(up(value), 1)
        shapes.append(Polyline([(across.start, y), (across.end, y)], "grid", 1))
        shapes.append(Label(across.start - 6, y + 4, text, colour="muted", anchor="end"))
    for value, text in across.ticks():
        x = round(across(value), 1)
        shapes.append(Polyline([(x, up.start), (x, up.start + 4)], "muted", 1))
        shapes.append(Label(x, up.start + 16, text, colour="muted", anchor="middle"))
    middle = (across.start + across.end) / 2
    shapes.append(Polyline([(across.start, up.start), (across.end, up.start)], "muted", 1))
    shapes.append(Label(middle, up.start + 33, x_label, colour="ink", anchor="middle"))
    shapes.append(Label(13, (up.start + up.end) / 2, y_label, anchor="middle", turned=True))
    return shapes


def _pieces(line: Line) -> list[list[tuple[float, float]]]:
    """The line without what is not finite: a list of its unbroken pieces, thinned out."""
    x, y = np.asarray(line.x, float), np.asarray(line.y, float)
    if len(x) > MOST_POINTS:
        kept = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int))
        x, y = x[kept], y[kept]
    pieces: list[list[tuple[float, float]]] = [[]]
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if np.isfinite(a) and np.isfinite(b):
            pieces[-1].append((a, b))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]
