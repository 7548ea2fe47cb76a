"""The exact index: every distance is computed, block by block, in bounded memory."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from gait_plugins.api.galleries.index import GalleryIndex, StoredVectors
from gait_plugins.errors import DataError
from gait_plugins.metrics import Metric


class ExactIndex(GalleryIndex):
    """Computes every distance; of a gallery of any size only a block is in memory.

    A candidate is the nearest sequence of one of the nearest people.

    Args:
        block: numbers of the gallery that are held at once, in millions.
    """

    exact = True

    def __init__(self, block: int = 16) -> None:
        self.block = max(block, 1) * 2**20
        self._vectors: StoredVectors | None = None
        self._metric: Metric = "euc"

    def build(self, vectors: StoredVectors, metric: Metric) -> None:
        self._vectors, self._metric = vectors, metric

    def candidates(self, probes: np.ndarray, count: int) -> np.ndarray:
        vectors = self._vectors
        assert vectors is not None, "build comes first"
        nearest = np.full((len(probes), count), np.inf, np.float32)
        people = np.full((len(probes), count), -1, np.int64)
        places = np.full((len(probes), count), -1, np.int64)
        sought = _ByParts(probes, self._metric)
        for rows, values in vectors.blocks(self.block):
            distances = sought.distances(values)
            near, who, where = _nearest_people(distances, vectors.people[rows], count)
            kept = (
                np.concatenate([nearest, near], 1),
                np.concatenate([people, who], 1),
                np.concatenate([places, where + rows.start], 1),
            )
            nearest, people, places = _best(*kept, count)
        return places


class _ByParts:
    """Probes that are compared with one block after another, part by part; nothing is copied for it."""

    def __init__(self, probes: np.ndarray, metric: Metric) -> None:
        self.parts = [
            torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in probes.transpose(2, 0, 1)
        ]
        self.is_cosine = metric == "cos"
        if self.is_cosine:
            self.parts = [functional.normalize(part, dim=1) for part in self.parts]
        self.squares = [part.square().sum(1, keepdim=True) for part in self.parts]

    def distances(self, values: np.ndarray) -> np.ndarray:
        """To embeddings ``[n, c, p]``, float32 ``[m, n]``: the mean over the parts."""
        held = torch.from_numpy(values).permute(2, 0, 1)  # rows of each part as they lie in memory
        total = torch.zeros(len(self.parts[0]), held.shape[1])
        found = torch.empty_like(total)
        for part, own, squares in zip(held, self.parts, self.squares, strict=True):
            lengths = torch.linalg.vector_norm(part, dim=1)
            torch.mm(own, part.T, out=found)
            if self.is_cosine:
                total.sub_(found.div_(lengths.clamp_min_(1e-12)))
            else:
                total.add_(found.mul_(-2).add_(squares).add_(lengths.square_()).relu_().sqrt_())
        total.div_(len(self.parts)).add_(1 if self.is_cosine else 0)
        if not bool(total.isfinite().all()):
            raise DataError("embeddings of the gallery or probes are too large: their distances overflow")
        distances: np.ndarray = total.numpy()
        return distances


def _nearest_people(
    distances: np.ndarray, people: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nearest people of a block: distances ``[m, k]``, numbers of the people, places in the block."""
    order = np.argsort(people, kind="stable")
    known, starts = np.unique(people[order], return_index=True)
    grouped = distances[:, order]
    nearest = np.minimum.reduceat(grouped, starts, axis=1)
    few = min(count, len(known))
    chosen = np.argpartition(nearest, few - 1, axis=1)[:, :few]
    ends = np.append(starts[1:], len(order))
    places = np.empty(chosen.shape, np.int64)
    for row, column in np.ndindex(chosen.shape):
        first, last = starts[chosen[row, column]], ends[chosen[row, column]]
        places[row, column] = order[first + grouped[row, first:last].argmin()]
    return np.take_along_axis(nearest, chosen, 1), known[chosen], places


def _best(
    nearest: np.ndarray, people: np.ndarray, places: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of several candidates a probe, the nearest ones, each person once."""
    order = np.argsort(nearest, axis=1, kind="stable")
    nearest, people, places = (np.take_along_axis(each, order, 1) for each in (nearest, people, places))
    # A person who has come before, nearer, counts no more.
    by_person = np.argsort(people, axis=1, kind="stable")
    sorted_people = np.take_along_axis(people, by_person, 1)
    again = np.zeros(people.shape, bool)
    again[:, 1:] = sorted_people[:, 1:] == sorted_people[:, :-1]
    repeated = np.zeros_like(again)
    np.put_along_axis(repeated, by_person, again, 1)
    nearest = np.where(repeated, np.float32(np.inf), nearest)
    order = np.argsort(nearest, axis=1, kind="stable")[:, :count]
    nearest, people, places = (np.take_along_axis(each, order, 1) for each in (nearest, people, places))
    empty = np.isinf(nearest)
    return nearest, np.where(empty, -1, people), np.where(empty, -1, places)
