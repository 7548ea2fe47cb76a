"""Drawing of SVG pictures: a dark card, readable on light and on dark pages, and silhouettes as outlines."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import cv2
import numpy as np

CARD, INK, DIM, LINE = "#12242b", "#eef6f7", "#a9c0c6", "#4b6770"
RIGHT, WRONG, MARK, COOL = "#5fd38d", "#ff8f7a", "#ffc857", "#6ec6ff"
PARTS = ("#ffc857", "#6ec6ff", "#ff8f7a", "#5fd38d", "#d7a5ff", "#f2e8cf")
"""Colours that are told apart on the card."""


class Card:
    """A picture of ``width`` by ``height`` units; what is drawn is in the order of the calls."""

    def __init__(self, width: int, height: int, about: str):
        self.width, self.height, self.about = width, height, about
        self._items: list[str] = []

    def text(
        self, x: float, y: float, words: str, size: float = 15, fill: str = INK, anchor: str = "start"
    ) -> None:
        """One line of words whose base is at ``y``; ``anchor`` is start, middle or end."""
        self._items.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{fill}" text-anchor="{anchor}">'
            f"{escape(words)}</text>"
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str = "none",
        line: str = LINE,
        radius: float = 4,
    ) -> None:
        """A box with round corners."""
        self._items.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}" '
            f'fill="{fill}" stroke="{line}"/>'
        )

    def line(
        self, points: Iterable[tuple[float, float]], colour: str = LINE, width: float = 1.5, dashes: str = ""
    ) -> None:
        """A line through the points."""
        places = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self._items.append(
            f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{_n(width)}"{dashed}/>'
        )

    def arrow(self, x: float, y: float, to_x: float, to_y: float, colour: str = DIM) -> None:
        """A line with a head at its end, level or upright."""
        self.line([(x, y), (to_x, to_y)], colour)
        along = np.sign([to_x - x, to_y - y]) * 7
        across = np.array([-along[1], along[0]]) * 0.6
        end = np.array([to_x, to_y])
        head = [end - along + across, end, end - along - across]
        self.line([(float(a), float(b)) for a, b in head], colour)

    def dot(self, x: float, y: float, radius: float, fill: str = INK) -> None:
        """A full circle."""
        self._items.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{fill}"/>')

    def figure(
        self, mask: np.ndarray, x: float, y: float, size: float = 64, fill: str = INK, ground: str = "#000000"
    ) -> None:
        """A mask ``[h, w]`` as an outline, in a square of ``size``; an empty ``ground`` leaves the card."""
        if ground:
            self._items.append(
                f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(size)}" height="{_n(size)}" fill="{ground}"/>'
            )
        path = outline(mask)
        if path:
            scale = size / mask.shape[0]
            self._items.append(
                f'<path transform="translate({_n(x)} {_n(y)}) scale({_n(scale, 4)})" fill="{fill}" '
                f'fill-rule="evenodd" d="{path}"/>'
            )

    def svg(self) -> str:
        """The picture as a file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img" '
            "font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\">"
        )
        ground = f'<rect width="{self.width}" height="{self.height}" rx="10" fill="{CARD}"/>'
        title = f"<title>{escape(self.about)}</title>"
        return "\n".join([head, title, ground, *self._items, "</svg>"]) + "\n"


def outline(mask: np.ndarray) -> str:
    """The edges of a mask as an SVG path in its pixels; holes are paths of their own."""
    full = np.kron((mask > 0).astype(np.uint8), np.ones((2, 2), np.uint8))
    edges, _ = cv2.findContours(np.pad(full, 1), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    paths = []
    for edge in edges:
        points = cv2.approxPolyDP(edge, 1.1, True)[:, 0]
        if len(points) > 2:
            paths.append("M" + "L".join(f"{_n((x - 0.5) / 2)} {_n((y - 0.5) / 2)}" for x, y in points) + "Z")
    return "".join(sorted(paths))


def _n(number: float, digits: int = 1) -> str:
    """A number, short."""
    return f"{float(number):.{digits}f}".rstrip("0").rstrip(".") or "0"
