"""Grids: heat maps of a matrix with its values, and strips of frames with a line of text each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gait_plugins.charts.plots import WIDTH
from gait_plugins.charts.shapes import Bitmap, Box, Figure, Label, Shape, shortened, text_width

_STRIP = 56
"""Pixels of a strip's height at most."""
_DARK = 0.6
"""The share from which on a cell's text has the colour of the paper."""


def heat_map(
    name: str,
    title: str,
    alt: str,
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    labels: tuple[str, str],
    *,
    ends: tuple[float, float] = (0, 100),
) -> Figure:
    """A matrix as coloured cells with their values; a cell that is not finite stays empty.

    Args:
        name: of the figure's file.
        title: above it.
        alt: what is seen, in a sentence.
        values: float ``[rows, columns]``.
        rows: names of the rows.
        columns: names of the columns.
        labels: what rows are, and what columns are.
        ends: the values without colour and with all of it.
    """
    left = 22 + max([text_width(shortened(row, 90)) for row in rows], default=0) + 8
    size = (WIDTH - left - 8) / max(1, len(columns))
    # A few rows are high enough for what stands beside them, turned.
    high = min(size, max(30.0, (text_width(labels[0]) + 8) / max(1, len(rows))))
    top = 40.0
    shapes: list[Shape] = [
        Label((left + WIDTH - 8) / 2, 12, labels[1], anchor="middle"),
        Label(12, top + high * len(rows) / 2, labels[0], anchor="middle", turned=True),
    ]
    every = max(1, math.ceil(max([text_width(c) + 6 for c in columns], default=1) / size))
    for place, column in enumerate(columns):
        if place % every == 0:
            x = left + size * (place + 0.5)
            shapes.append(Label(x, top - 8, column, colour="muted", anchor="middle"))
    for place, row in enumerate(rows):
        y = top + high * place
        shapes.append(Label(left - 6, y + high / 2 + 4, shortened(row, 90), colour="muted", anchor="end"))
        for number, column in enumerate(columns):
            value = float(values[place, number])
            shapes += _cell(left + size * number, y, size, high, value, ends, f"{row}, {column}")
    return Figure(name, title, alt, WIDTH, top + high * len(rows) + 10, tuple(shapes))


def _cell(
    x: float, y: float, width: float, height: float, value: float, ends: tuple[float, float], where: str
) -> list[Shape]:
    box = (round(x + 0.5, 1), round(y + 0.5, 1), round(width - 1, 1), round(height - 1, 1))
    if not math.isfinite(value):
        return [Box(*box, "grid", 0.5, title=f"{where}: not compared")]
    share = min(1.0, max(0.0, (value - ends[0]) / (ends[1] - ends[0])))
    shapes: list[Shape] = [Box(*box, "heat", round(share, 3), title=f"{where}: {value:.1f}")]
    text = f"{value:.0f}"
    if text_width(text, 11) + 2 <= width and height >= 14:
        colour = "paper" if share >= _DARK else "ink"
        shapes.append(Label(x + width / 2, y + height / 2 + 4, text, 11, colour, "middle"))
    return shapes


@dataclass(frozen=True)
class Strip:
    """Frames side by side, with a line of text above them."""

    text: str
    pictures: np.ndarray
    """uint8 ``[k, h, w]``, or ``[k, h, w, 3]`` in red, green, blue."""
    colour: str = "ink"
    """Of the text and the frame."""


def strips(name: str, title: str, alt: str, rows: Sequence[Strip], frames: int) -> Figure:
    """Strips below one another.

    Args:
        name: of the figure's file.
        title: above it.
        alt: what is seen, in a sentence.
        rows: the strips.
        frames: how many frames fill the width.
    """
    shapes: list[Shape] = []
    y = 4.0
    for row in rows:
        shapes.append(Label(14, y + 12, shortened(row.text, WIDTH - 24), colour=row.colour))
        y += 18
        height, width = row.pictures.shape[1:3] if len(row.pictures) else (_STRIP, _STRIP)
        scale = min(_STRIP / height, (WIDTH - 28) / (width * max(1, frames)))
        if len(row.pictures):
            sheet = np.concatenate(list(row.pictures), axis=1)
            wide, high = round(sheet.shape[1] * scale, 1), round(height * scale, 1)
            shapes.append(Bitmap(14, y, wide, high, sheet, row.text))
            shapes.append(Box(4, y, 4, high, row.colour))
            y += high
        y += 8
    return Figure(name, title, alt, WIDTH, y, tuple(shapes))
