"""Exact assignment: rows to columns at the smallest sum of costs, by shortest augmenting paths."""

from __future__ import annotations

import math

import numpy as np


def assign(costs: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of rows and columns, as many as can be had at a finite cost, with the smallest sum.

    Kuhn and Munkres' assignment with potentials; each row is added by a shortest augmenting path
    (Jonker and Volgenant 1987). A row may also stay alone.

    Args:
        costs: ``[rows, columns]``, at least 0; infinite where a pair is out of the question.

    Returns:
        The pairs, in the order of the rows.
    """
    rows, columns = costs.shape
    finite = costs[np.isfinite(costs)]
    if not len(finite):
        return []
    # Each row has a place of its own to stay alone at, dearer than any set of pairs.
    alone = float(finite.sum()) + 1
    square = np.full((rows, columns + rows), math.inf)
    square[:, :columns] = costs
    square[np.arange(rows), columns + np.arange(rows)] = alone
    owner = _augmented(square)
    pairs = [(row, column) for column, row in enumerate(owner[:columns]) if row >= 0]
    return sorted(pairs)


def _augmented(costs: np.ndarray) -> list[int]:
    """Row of each column, or -1; ``costs`` has at least as many columns as rows, one finite set of pairs."""
    rows, columns = costs.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    owner = [-1] * columns
    for new in range(rows):
        distance = np.full(columns, math.inf)
        before = np.full(columns, -1)
        done = np.zeros(columns, bool)
        row, length, last = new, 0.0, -1
        while row >= 0:
            reach = length + costs[row] - row_price[row] - column_price
            shorter = ~done & (reach < distance)
            distance[shorter], before[shorter] = reach[shorter], last
            last = int(np.where(done, math.inf, distance).argmin())
            length = float(distance[last])
            done[last] = True
            row = owner[last]
        seen = np.flatnonzero(done)
        row_price[new] += length
        for column in seen[seen != last]:
            row_price[owner[column]] += length - distance[column]
        column_price[seen] -= length - distance[seen]
        while last >= 0:
            previous = int(before[last])
            owner[last] = new if previous < 0 else owner[previous]
            last = previous
    return owner
