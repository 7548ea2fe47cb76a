"""The exact index: every distance is computed, block by block, in bounded memory."""

from __future__ import annotations

import numpy as np
import torch

from gait_plugins.api.galleries.index import GalleryIndex, StoredVectors
from gait_plugins.metrics import Metric, distance_chunks


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
        sought = torch.from_numpy(np.ascontiguousarray(probes, np.float32))
        for rows, values in vectors.blocks(self.block):
            held = torch.from_numpy(values)
            for probe_rows, distances in distance_chunks(sought, held, self._metric):
                near, who, where = _nearest_people(distances.numpy(), vectors.people[rows], count)
                kept = (
                    np.concatenate([nearest[probe_rows], near], 1),
                    np.concatenate([people[probe_rows], who], 1),
                    np.concatenate([places[probe_rows], where + rows.start], 1),
                )
                nearest[probe_rows], people[probe_rows], places[probe_rows] = _best(*kept, count)
        return places


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
