"""Ragged frames: frames of unequal size (point clouds) in one array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np

Frames: TypeAlias = "np.ndarray | Ragged"
"""The frames of one stream of a sequence: an array ``[t, ...]``, or ragged ones."""


class Ragged:
    """Frames of which each has another number of rows.

    Args:
        values: the rows of all frames, one frame after the other, ``[m, ...]``.
        offsets: where each frame begins and ends, int64 ``[t + 1]``: frame i is
            ``values[offsets[i]:offsets[i + 1]]``.

    Raises:
        ValueError: the offsets do not divide the rows.
    """

    def __init__(self, values: np.ndarray, offsets: np.ndarray) -> None:
        offsets = np.asarray(offsets, np.int64)
        if offsets.ndim != 1 or not len(offsets) or offsets[0] != 0 or offsets[-1] != len(values):
            raise ValueError(f"offsets from 0 to {len(values)} are expected, found {offsets[:3].tolist()}...")
        if (np.diff(offsets) < 0).any():
            raise ValueError("the offsets do not rise")
        self.values = values
        self.offsets = offsets

    @classmethod
    def of(cls, frames: Iterable[np.ndarray]) -> Ragged:
        """Frames ``[m_i, ...]`` that agree in all but their number of rows.

        Raises:
            ValueError: there is none, or they differ in more.
        """
        listed = [np.asarray(frame) for frame in frames]
        sizes = [len(frame) if frame.ndim else 0 for frame in listed]
        offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        return cls(np.concatenate(listed), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> np.ndarray:
        """One frame, ``[m_i, ...]``; as in a list, -1 is the last one and others beyond raise IndexError."""
        place = range(len(self))[number]
        return self.values[self.offsets[place] : self.offsets[place + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.values[start:end] for start, end in zip(self.offsets, self.offsets[1:], strict=False))

    @property
    def dtype(self) -> np.dtype:
        """That of the rows."""
        return self.values.dtype

    @property
    def sizes(self) -> np.ndarray:
        """Rows of each frame, int64 ``[t]``."""
        return np.diff(self.offsets)

    @property
    def nbytes(self) -> int:
        """Bytes of rows and offsets."""
        return self.values.nbytes + self.offsets.nbytes

    def take(self, picked: np.ndarray, axis: int = 0) -> Ragged:
        """These frames, in this order, as ``numpy.take`` picks them."""
        sizes = self.sizes[picked]
        offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        # Row r of the result is row (r - where its frame begins there) of the frame that was picked.
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][picked] - offsets[:-1], sizes)
        return Ragged(self.values[rows], offsets)


def joined(parts: Iterable[Ragged]) -> Ragged:
    """The frames of several, one after the other."""
    listed = list(parts)
    sizes = np.concatenate([part.sizes for part in listed])
    offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return Ragged(np.concatenate([part.values for part in listed]), offsets)
