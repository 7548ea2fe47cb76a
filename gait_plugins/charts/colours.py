"""Colours of figures by name: a light and a dark theme, and wheels of many colours that fit both."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable

LIGHT = {
    "ink": "#1b1f24",
    "muted": "#57606a",
    "grid": "#dfe3e8",
    "paper": "#ffffff",
    "heat": "#0a2f63",
    "good": "#0a6b4b",
    "bad": "#b3261e",
    "s0": "#0b62a4",
    "s1": "#b34700",
    "s2": "#0a7a5a",
    "s3": "#7b3fa0",
    "s4": "#8a6100",
    "s5": "#b0306a",
    "s6": "#00758f",
    "s7": "#5c5c5c",
}
"""Name -> colour on white paper, and in print."""

DARK = {
    "ink": "#e8eaed",
    "muted": "#a5adb8",
    "grid": "#363c45",
    "paper": "#16191e",
    "heat": "#88b7f1",
    "good": "#63d6a7",
    "bad": "#ff9a90",
    "s0": "#6cb4f5",
    "s1": "#ff9e5e",
    "s2": "#52cfa0",
    "s3": "#cf9bf0",
    "s4": "#e5bd4f",
    "s5": "#ff8fbd",
    "s6": "#5fd0e6",
    "s7": "#b9b9b9",
}
"""Name -> colour on dark paper."""

SERIES = 8
"""Named colours of lines: ``s0`` to ``s7``."""


def series(number: int) -> str:
    """The name of a line's colour; they come again after the eighth."""
    return f"s{number % SERIES}"


def colours_of(groups: Iterable[str]) -> dict[str, str]:
    """A colour for each group: the named ones for up to eight, else a wheel that is seen in both themes."""
    names = list(dict.fromkeys(groups))
    if len(names) <= SERIES:
        return {name: series(number) for number, name in enumerate(names)}
    return {name: _of_wheel(number, len(names)) for number, name in enumerate(names)}


def variables(theme: dict[str, str]) -> str:
    """The colours as custom properties of CSS."""
    return "".join(f"--{name}:{colour};" for name, colour in theme.items())


def luminance(red: float, green: float, blue: float) -> float:
    """Relative luminance of parts in [0, 1], by WCAG 2.2."""
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _of_wheel(number: int, count: int) -> str:
    """A hue that is dark enough for white paper and bright enough for dark paper."""
    wanted = (0.16, 0.27)[number % 2]
    steps = ((number / count, lightness / 100, 0.7) for lightness in range(10, 100))
    parts = next(
        each for each in (colorsys.hls_to_rgb(*step) for step in steps) if luminance(*each) >= wanted
    )
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
