"""The contract of indices: which sequences of a gallery may be the nearest ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from gait_plugins.api.options import HasExample
from gait_plugins.metrics import Metric


class StoredVectors(ABC):
    """The embeddings of a gallery, as an index reads them: numbered by place, from 0."""

    shape: tuple[int, int]
    """Channels and parts of each."""
    people: np.ndarray
    """Number of the person of each place, from 1, int64 ``[n]``."""

    def __len__(self) -> int:
        return len(self.people)

    @abstractmethod
    def take(self, places: np.ndarray) -> np.ndarray:
        """Embeddings of some places, float32 ``[k, c, p]``."""

    def blocks(self, size: int = 2**24) -> Iterator[tuple[slice, np.ndarray]]:
        """All embeddings, a block of about ``size`` numbers at a time: its places, float32 ``[k, c, p]``."""
        channels, parts = self.shape
        rows = max(size // (channels * parts), 1)
        for start in range(0, len(self), rows):
            places = slice(start, min(start + rows, len(self)))
            yield places, self.take(np.arange(places.start, places.stop))


class GalleryIndex(HasExample, ABC):
    """Names, for each probe, the places of a gallery that may be the nearest.

    Whatever it names is then ranked by the exact distance, which is the mean over the parts of the distance
    of the parts (``euc`` or ``cos``). The mean of Euclidean distances is no distance of the concatenated
    vector, so an index of these is a filter before the ranking and never the ranking itself.
    """

    exact: ClassVar[bool] = False
    """Whether the nearest sequence of each of the nearest people is always among the candidates."""

    @abstractmethod
    def build(self, vectors: StoredVectors, metric: Metric) -> None:
        """Take in a gallery, in place of an earlier one. What it reads in blocks need not fit in memory."""

    @abstractmethod
    def candidates(self, probes: np.ndarray, count: int) -> np.ndarray:
        """Candidates for each probe.

        Args:
            probes: float32 ``[m, c, p]``; finite.
            count: candidates that are wanted for each, at most the size of the gallery. More may be given.

        Returns:
            Places, int64 ``[m, k]`` with ``k >= count``, in any order; -1 fills a row that has fewer.
        """
