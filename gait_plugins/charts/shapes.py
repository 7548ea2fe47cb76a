"""Shapes of a figure: lines, areas, boxes, dots, labels and bitmaps, with named colours of a theme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Anchor = Literal["start", "middle", "end"]
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Polyline:
    """A line through points, or the area below it where ``filled``."""

    points: Points
    """``(x, y)`` in pixels, from the upper left corner."""
    colour: str = "ink"
    width: float = 1.8
    dash: str = ""
    """Lengths of dashes and gaps, as in SVG; empty: a whole line."""
    filled: bool = False
    title: str = ""
    """Shown where the pointer rests."""


@dataclass(frozen=True)
class Box:
    """A filled rectangle, or a frame where ``hollow``."""

    x: float
    y: float
    width: float
    height: float
    colour: str = "ink"
    opacity: float = 1.0
    hollow: bool = False
    title: str = ""


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float = 2.6
    colour: str = "ink"
    title: str = ""


@dataclass(frozen=True)
class Label:
    """A line of text."""

    x: float
    y: float
    """Of the baseline."""
    text: str
    size: float = 12
    colour: str = "ink"
    anchor: Anchor = "start"
    turned: bool = False
    """Read from below to above."""


@dataclass(frozen=True)
class Bitmap:
    """A picture of pixels."""

    x: float
    y: float
    width: float
    height: float
    pixels: np.ndarray
    """uint8 ``[h, w]``, or ``[h, w, 3]`` in red, green, blue."""
    title: str = ""


Shape = Polyline | Box | Dot | Label | Bitmap


@dataclass(frozen=True)
class Figure:
    """A drawing with a name, a title and a text for those who do not see it."""

    name: str
    """For its file: letters, digits, ``-``."""
    title: str
    alt: str
    """What is seen, in a sentence."""
    width: float
    height: float
    shapes: tuple[Shape, ...]


def text_width(text: str, size: float = 12) -> float:
    """About how wide a text is, in pixels."""
    return len(text) * size * 0.56


def shortened(text: str, width: float, size: float = 12) -> str:
    """A text that is cut so that it fits, in pixels."""
    most = max(1, int(width / (size * 0.56)))
    return text if len(text) <= most else f"{text[: max(1, most - 1)]}…"
