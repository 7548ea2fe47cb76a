"""Recorded draws in place of a generator: what a published transform drew, one number after the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

KINDS = {"random": 0, "uniform": 1, "normal": 2, "integers": 3}
"""Method of a generator -> how the recordings call it."""


class ReplayedDraws:
    """Gives recorded numbers to whoever asks for numbers of their kind.

    Args:
        kinds: of each draw, see ``KINDS``.
        values: of each draw.
    """

    def __init__(self, kinds: Sequence[int], values: Sequence[float]) -> None:
        self.kinds, self.values, self.used = np.asarray(kinds), np.asarray(values), 0

    def _next(self, kind: str, size: Any) -> Any:
        shape = (size,) if isinstance(size, int) else size
        count = 1 if shape is None else math.prod(shape)
        own = slice(self.used, self.used + count)
        assert (self.kinds[own] == KINDS[kind]).all(), f"asked for {kind}, recorded {self.kinds[own]}"
        assert len(self.values[own]) == count, "more draws than recorded"
        self.used += count
        return self.values[own][0] if shape is None else self.values[own].reshape(shape)

    def random(self, size: Any = None) -> Any:
        return self._next("random", size)

    def uniform(self, low: float, high: float, size: Any = None) -> Any:
        found = self._next("uniform", size)
        assert low <= np.min(found)
        assert np.max(found) <= high
        return found

    def normal(self, loc: float, scale: float, size: Any = None) -> Any:
        return self._next("normal", size)

    def integers(self, low: int, high: int) -> Any:
        found = self._next("integers", None)
        assert low <= found < high
        return found


def calls(recorded: dict[str, np.ndarray], case: str) -> list[ReplayedDraws]:
    """The draws of each call of a case."""
    kinds, values = recorded[f"{case}_draw_kind"], recorded[f"{case}_draw_value"]
    offsets = recorded[f"{case}_draw_offset"]
    return [ReplayedDraws(kinds[a:b], values[a:b]) for a, b in itertools.pairwise(offsets)]
