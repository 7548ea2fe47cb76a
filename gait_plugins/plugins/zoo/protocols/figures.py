"""Figures of the protocols: means over the values present, and numbers as the field prints them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def mean_of_known(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN where there is none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def row_means(matrix: np.ndarray, *, leave_out_diagonal: bool = False) -> np.ndarray:
    """Mean of each row over the entries that are not NaN, float64 ``[rows]``."""
    matrix = matrix.copy()
    if leave_out_diagonal:
        np.fill_diagonal(matrix, np.nan)
    return np.array([mean_of_known(row) for row in matrix])


def percent(value: float) -> str:
    """A figure with two decimals, or a dash where there is none."""
    return "-" if np.isnan(value) else f"{value:.2f}"


def row(name: str, values: Iterable[float]) -> tuple[str, ...]:
    """A table row of figures."""
    return (name, *(percent(value) for value in values))


def plain(values: np.ndarray) -> list[object]:
    """Nested lists for JSON: NaN becomes None."""
    return [plain(v) if np.ndim(v) else None if np.isnan(v) else float(v) for v in values]


def some(names: Iterable[str], limit: int = 12) -> str:
    """A few names in words."""
    listed: Sequence[str] = sorted(set(names))
    rest = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return (", ".join(listed[:limit]) or "none") + rest
