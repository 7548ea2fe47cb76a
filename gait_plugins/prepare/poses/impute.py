"""Imputation of joints that were not found, from the frames of a sequence that are most alike."""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 4


def by_neighbours(values: np.ndarray) -> np.ndarray:
    """Fill the zeros of a table from its four nearest rows, weighted by one over their distance.

    The distance of two rows is the Euclidean one over the columns that both have, scaled up to all columns.
    A column that is zero throughout stays zero. This is scikit-learn's ``KNNImputer(missing_values=0,
    n_neighbors=4, weights="distance", keep_empty_features=True)``.

    Args:
        values: ``[t, k]``, finite; 0 means missing.

    Returns:
        A copy, float64 ``[t, k]``.
    """
    filled = np.array(values, np.float64)
    known = filled != 0
    columns = np.flatnonzero(~known.all(0) & known.any(0))
    if not len(columns):
        return filled
    rows = np.flatnonzero(~known.all(1))
    distances = _distances(filled, known, rows)
    place = np.zeros(len(filled), np.intp)
    place[rows] = np.arange(len(rows))
    for column in columns:
        donors, receivers = known[:, column], np.flatnonzero(~known[:, column])
        near = distances[place[receivers]][:, donors]
        filled[receivers, column] = _weighted(near, values[donors, column])
    return filled


def by_mean(values: np.ndarray) -> np.ndarray:
    """Fill the zeros of a table ``[t, k]`` with the mean of what their column has; a copy, float64."""
    known = values != 0
    counts = known.sum(0)
    means = values.sum(0, dtype=np.float64) / np.maximum(counts, 1)
    return np.where(known, values, means).astype(np.float64)


def _distances(values: np.ndarray, known: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Distances of some rows to all, float64 ``[len(rows), t]``; NaN where two have no column in common."""
    there = known.astype(np.float64)
    squares = values * values
    some, seen = values[rows], there[rows]
    total = squares[rows] @ there.T - 2 * (some @ values.T) + seen @ squares.T
    common = seen @ there.T
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.maximum(total, 0) / common * values.shape[1]
    scaled[common == 0] = np.nan
    return np.asarray(np.sqrt(scaled))


def _weighted(distances: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each row of distances ``[r, d]`` the mean of the nearest of ``d`` values."""
    count = min(NEIGHBOURS, len(values))
    nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
    near = np.take_along_axis(distances, nearest, 1)
    with np.errstate(divide="ignore"):
        weights = 1 / near
    same = np.isinf(weights)
    weights = np.where(same.any(1, keepdims=True), same, np.nan_to_num(weights))
    total = weights.sum(1)
    mean = (weights * values[nearest]).sum(1) / np.where(total > 0, total, 1)
    return np.asarray(np.where(total > 0, mean, values.mean()))
