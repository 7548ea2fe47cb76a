"""PNG of figures, drawn by Pillow on white paper at twice their size."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gait_plugins.charts.colours import LIGHT
from gait_plugins.charts.shapes import Bitmap, Box, Dot, Figure, Label, Polyline
from gait_plugins.io.printable import printable

SCALE = 2
_FINER = 2
"""Drawn by so much larger, and brought down: edges are smooth then."""
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(figure: Figure) -> bytes:
    """The figure as a PNG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    Image.fromarray(pixels(figure)).save(file, "PNG")
    return file.getvalue()


def pixels(figure: Figure) -> np.ndarray:
    """The figure as uint8 ``[h, w, 3]`` in red, green, blue, at twice its size."""
    scale = SCALE * _FINER
    size = (round(figure.width * scale), round(figure.height * scale))
    page = Image.new("RGB", size, LIGHT["paper"])
    draw = ImageDraw.Draw(page)
    for shape in figure.shapes:
        if isinstance(shape, Bitmap):
            _paste(page, shape, scale)
        elif isinstance(shape, Label):
            _write(page, draw, shape, scale)
        else:
            _draw(draw, shape, scale)
    return np.asarray(page.resize((size[0] // _FINER, size[1] // _FINER), Image.Resampling.LANCZOS))


def png_bytes(picture: np.ndarray) -> bytes:
    """A small PNG file of uint8 ``[h, w]`` or ``[h, w, 3]`` (red, green, blue)."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


def _draw(draw: ImageDraw.ImageDraw, shape: Polyline | Box | Dot, scale: int) -> None:
    colour = LIGHT.get(shape.colour, shape.colour)
    if isinstance(shape, Dot):
        x, y, r = shape.x * scale, shape.y * scale, shape.radius * scale
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    elif isinstance(shape, Box):
        corners = [shape.x, shape.y, shape.x + shape.width, shape.y + shape.height]
        place = tuple(round(value * scale) for value in corners)
        if shape.hollow:
            draw.rectangle(place, outline=colour, width=scale)
        else:
            draw.rectangle(place, fill=_mixed(colour, shape.opacity))
    else:
        points = [(x * scale, y * scale) for x, y in shape.points]
        if shape.filled:
            draw.polygon(points, fill=_mixed(colour, 0.16))
            return
        for piece in _dashes(points, shape.dash, scale):
            draw.line(piece, fill=colour, width=max(1, round(shape.width * scale)), joint="curve")


def _dashes(points: list[tuple[float, float]], dash: str, scale: int) -> list[list[tuple[float, float]]]:
    """The line, or its dashes."""
    if not dash or len(points) < 2:
        return [points] if len(points) > 1 else []
    lengths = [float(length) * scale for length in dash.split()]
    line = np.asarray(points)
    steps = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate([[0], np.cumsum(steps)])
    pieces, at = [], 0.0
    while at < along[-1]:
        ends = np.array([at, min(at + lengths[0], along[-1])])
        inside = line[(along > ends[0]) & (along < ends[1])]
        x, y = (np.interp(ends, along, line[:, axis]) for axis in (0, 1))
        pieces.append([(x[0], y[0]), *map(tuple, inside.tolist()), (x[1], y[1])])
        at += sum(lengths[:2])
    return pieces


def _write(page: Image.Image, draw: ImageDraw.ImageDraw, shape: Label, scale: int) -> None:
    text, font = printable(shape.text), _font(round(shape.size * scale))
    colour = LIGHT.get(shape.colour, shape.colour)
    if not shape.turned:
        place = (shape.x * scale, shape.y * scale)
        draw.text(place, text, fill=colour, font=font, anchor=_ANCHORS[shape.anchor])
        return
    left, top, right, bottom = (round(value) for value in font.getbbox(text))
    sheet = Image.new("L", (max(1, right - left), max(1, bottom - top)), 0)
    ImageDraw.Draw(sheet).text((-left, -top), text, fill=255, font=font)
    sheet = sheet.rotate(90, expand=True)
    share = {"start": 1.0, "middle": 0.5, "end": 0.0}[shape.anchor]
    corner = (round(shape.x * scale - sheet.width), round(shape.y * scale - share * sheet.height))
    page.paste(colour, corner, sheet)


def _paste(page: Image.Image, shape: Bitmap, scale: int) -> None:
    size = (max(1, round(shape.width * scale)), max(1, round(shape.height * scale)))
    picture = Image.fromarray(shape.pixels).convert("RGB").resize(size, Image.Resampling.BILINEAR)
    page.paste(picture, (round(shape.x * scale), round(shape.y * scale)))


def _mixed(colour: str, opacity: float) -> tuple[int, int, int]:
    """A colour over the paper."""
    ours, paper = (np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in (colour, LIGHT["paper"]))
    red, green, blue = (opacity * ours + (1 - opacity) * paper).round().astype(int).tolist()
    return red, green, blue


@lru_cache(32)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)
