"""Sparse matrices by rows, as re-ranking needs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Entries of the averaged rows that are made at once, before equal columns are summed.
_BUDGET = 2**21


@dataclass(frozen=True)
class SparseRows:
    """Values by row and column, sorted by row, then column (compressed rows)."""

    starts: np.ndarray
    """Where each row begins, and the end, int64 ``[count + 1]``."""
    columns: np.ndarray
    """int64 ``[m]``."""
    values: np.ndarray
    """float32 ``[m]``."""

    @classmethod
    def of(cls, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, count: int) -> SparseRows:
        """From sorted rows."""
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
        return cls(starts, columns, values.astype(np.float32, copy=False))

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.starts) - 1

    @property
    def rows(self) -> np.ndarray:
        """The row of every value, int64 ``[m]``."""
        return np.repeat(np.arange(self.count), np.diff(self.starts))

    def of_rows(self, start: int, stop: int) -> SparseRows:
        """Rows ``start`` up to ``stop``."""
        first, last = self.starts[start], self.starts[stop]
        return SparseRows(
            self.starts[start : stop + 1] - first, self.columns[first:last], self.values[first:last]
        )

    def scaled_to_one(self) -> SparseRows:
        """Each row divided by its sum."""
        rows = self.rows
        sums = np.bincount(rows, self.values, self.count)
        return SparseRows(self.starts, self.columns, (self.values / sums[rows]).astype(np.float32))

    def averaged(self, groups: np.ndarray) -> SparseRows:
        """Row ``i`` becomes the mean of the rows ``groups[i]``, int ``[count, k]``."""
        largest = int(np.diff(self.starts).max(initial=1)) * groups.shape[1]
        step = max(_BUDGET // max(largest, 1), 1)
        keys, sums = [], []
        for start in range(0, self.count, step):
            members = groups[start : start + step].reshape(-1)
            which, entry = expand(self.starts[members], self.starts[members + 1])
            row = start + which // groups.shape[1]
            key, place = np.unique(row * self.count + self.columns[entry], return_inverse=True)
            keys.append(key)
            sums.append(np.bincount(place.reshape(-1), self.values[entry], len(key)))
        key = np.concatenate(keys)
        values = np.concatenate(sums) / groups.shape[1]
        return SparseRows.of(key // self.count, key % self.count, values, self.count)

    def transposed(self, columns: int) -> SparseRows:
        """Columns become rows; there are ``columns`` of them."""
        order = np.argsort(self.columns, kind="stable")
        return SparseRows.of(self.columns[order], self.rows[order], self.values[order], columns)


def expand(starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every number of some ranges, one after the other, and which range it is of; int64 ``[m]`` each."""
    lengths = stops - starts
    which = np.repeat(np.arange(len(starts)), lengths)
    before = np.cumsum(lengths) - lengths
    return which, np.arange(len(which)) - before[which] + starts[which]
