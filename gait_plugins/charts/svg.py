"""SVG of figures: for a page whose style sheet has the colours, or as a file that holds them itself."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape
from itertools import groupby
from typing import Any

from gait_plugins.charts.colours import DARK, LIGHT, variables
from gait_plugins.charts.png import png_bytes
from gait_plugins.charts.shapes import Bitmap, Box, Dot, Figure, Label, Polyline, Shape
from gait_plugins.io.printable import printable

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"

RULES = "".join(f".f-{name}{{fill:var(--{name})}}.k-{name}{{stroke:var(--{name})}}" for name in LIGHT)
"""The style rules that inline figures need, beside the variables of a theme."""


def svg(figure: Figure, *, alone: bool = False) -> str:
    """The figure as SVG; the same figure gives the same text.

    Args:
        figure: it.
        alone: as a file of its own, with colours for a light and a dark surrounding.
    """
    head = f'viewBox="0 0 {figure.width:g} {figure.height:g}" role="img" font-family="{escape(FONT)}"'
    style = ""
    if alone:
        head += f' xmlns="http://www.w3.org/2000/svg" width="{figure.width:g}" height="{figure.height:g}"'
        dark = f"@media (prefers-color-scheme:dark){{svg{{{variables(DARK)}}}}}"
        style = f"<style>svg{{{variables(LIGHT)}background:var(--paper)}}{dark}{RULES}</style>"
    named = f'aria-label="{_text(figure.alt)}"'
    return f"<svg {head} {named}>{style}{''.join(_grouped(figure.shapes))}</svg>"


def _grouped(shapes: tuple[Shape, ...]) -> list[str]:
    """Each shape; dots of one colour that follow each other share what they have in common."""
    found = []
    for colour, group in groupby(shapes, lambda shape: shape.colour if isinstance(shape, Dot) else None):
        body = "".join(_SHAPES[type(shape)](shape) for shape in group)
        found.append(body if colour is None else f"<g {_fill(colour)}>{body}</g>")
    return found


def _polyline(shape: Polyline) -> str:
    points = " ".join(f"{x:g},{y:g}" for x, y in shape.points)
    if shape.filled:
        return f'<polygon points="{points}" {_fill(shape.colour)} fill-opacity=".16"/>'
    dash = f' stroke-dasharray="{shape.dash}"' if shape.dash else ""
    stroke = f'{_stroke(shape.colour)} stroke-width="{shape.width:g}" stroke-linejoin="round"{dash}'
    return _titled("polyline", f'points="{points}" fill="none" {stroke}', shape.title)


def _box(shape: Box) -> str:
    paint = f'fill="none" {_stroke(shape.colour)}' if shape.hollow else _fill(shape.colour)
    seen = "" if shape.opacity == 1 else f' fill-opacity="{shape.opacity:g}"'
    place = f'x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" height="{shape.height:g}"'
    return _titled("rect", f"{place} {paint}{seen}", shape.title)


def _dot(shape: Dot) -> str:
    return _titled("circle", f'cx="{shape.x:g}" cy="{shape.y:g}" r="{shape.radius:g}"', shape.title)


def _label(shape: Label) -> str:
    turn = f' transform="rotate(-90 {shape.x:g} {shape.y:g})"' if shape.turned else ""
    anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
    place = f'x="{shape.x:g}" y="{shape.y:g}" font-size="{shape.size:g}"'
    return f"<text {place}{anchor} {_fill(shape.colour)}{turn}>{_text(shape.text)}</text>"


def _bitmap(shape: Bitmap) -> str:
    data = base64.b64encode(png_bytes(shape.pixels)).decode()
    place = f'x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" height="{shape.height:g}"'
    return _titled("image", f'{place} href="data:image/png;base64,{data}"', shape.title)


_SHAPES: dict[type, Callable[[Any], str]] = {
    Polyline: _polyline,
    Box: _box,
    Dot: _dot,
    Label: _label,
    Bitmap: _bitmap,
}


def _titled(element: str, attributes: str, title: str) -> str:
    return (
        f"<{element} {attributes}><title>{_text(title)}</title></{element}>"
        if title
        else f"<{element} {attributes}/>"
    )


def _fill(colour: str) -> str:
    return f'fill="{colour}"' if colour.startswith("#") else f'class="f-{colour}"'


def _stroke(colour: str) -> str:
    return f'stroke="{colour}"' if colour.startswith("#") else f'class="k-{colour}"'


def _text(text: str) -> str:
    return escape(printable(text))
