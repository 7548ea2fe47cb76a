"""Scales of an axis: from values to pixels, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic scale."""

    low: float
    high: float
    start: float
    """Pixel of the low end."""
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value; values beyond the ends lie at the ends."""
        low, high, value = (self._of(each) for each in (self.low, self.high, value))
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Round values within the ends, with their texts."""
        if self.log:
            powers = range(
                math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1
            )
            every = max(1, -(-len(powers) // most))
            return [(10.0**power, _power(power)) for power in powers[::every]]
        step = _step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(number * step, _text(number * step, step)) for number in range(first, last + 1)]

    def _of(self, value: float) -> float:
        return math.log10(max(value, self.low * 1e-3)) if self.log else value


def span(values: Iterable[float], *, zero: bool = False) -> tuple[float, float]:
    """The ends of a linear scale that holds all finite values; never of no length.

    Args:
        values: any.
        zero: whether it begins at zero.
    """
    known = np.asarray([value for value in values if math.isfinite(value)], float)
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    low = min(low, 0.0) if zero else low
    if high <= low:
        around = abs(low) / 2 or 0.5
        return (low if zero else low - around), high + around
    room = (high - low) * 0.04
    return (low if zero and low == 0 else low - room), high + room


def _step(rough: float) -> float:
    size = 10.0 ** math.floor(math.log10(rough))
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999)


def _text(value: float, step: float) -> str:
    if abs(value) < step / 2:
        return "0"
    if step >= 1000:
        return f"{value / 1000:g}k"
    if step < 1e-4:
        return f"{value:.1e}"
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{places}f}"


def _power(power: int) -> str:
    return f"{10.0**power:g}" if -4 <= power <= 4 else f"1e{power}"
