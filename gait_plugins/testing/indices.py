"""Contract checks of indices of galleries."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gait_plugins.api.galleries.index import GalleryIndex, StoredVectors
from gait_plugins.metrics import Metric, part_distances
from gait_plugins.testing.expect import expect, global_random_states_untouched, maker

METRICS: tuple[Metric, ...] = ("euc", "cos")


class MadeUpVectors(StoredVectors):
    """Made-up people in memory: some have a single sequence, some many, and none stands beside itself."""

    def __init__(self, people: int = 40, shape: tuple[int, int] = (12, 4), seed: int = 0) -> None:
        drawn = np.random.default_rng(seed)
        numbers = np.repeat(np.arange(1, people + 1), 1 + np.arange(people) % 5)
        self.shape = shape
        self.people = drawn.permutation(numbers).astype(np.int64)
        centres = drawn.normal(size=(people + 1, *shape))
        noise = 0.2 * drawn.normal(size=(len(self.people), *shape))
        self.values: np.ndarray = (centres[self.people] + noise).astype(np.float32)

    def take(self, places: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.values[places]
        return found

    def blocks(self, size: int = 2**24) -> Iterator[tuple[slice, np.ndarray]]:
        return super().blocks(min(size, 17 * self.shape[0] * self.shape[1]))


def check_index(make: GalleryIndex | Callable[[], GalleryIndex]) -> None:
    """Shape, range and purity of the candidates, and for an exact index that they hold the nearest.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    new = maker(make, GalleryIndex)  # type: ignore[type-abstract]
    vectors = MadeUpVectors()
    probes = vectors.values[::7] + np.float32(0.01)
    for metric in METRICS:
        index = new()
        with global_random_states_untouched():
            index.build(vectors, metric)
            found = index.candidates(probes, 5)
        _check_form(found, len(probes), 5, len(vectors))
        expect(
            bool(np.array_equal(found, index.candidates(probes, 5))), "equal probes have unequal candidates"
        )
        alone = index.candidates(probes[:1], 5)
        same = set(alone[0].tolist()) == set(found[0].tolist())
        expect(same, "the candidates of a probe depend on the probes beside it")
        everybody = index.candidates(probes[:2], len(vectors))
        _check_form(everybody, 2, len(vectors), len(vectors))
        if index.exact:
            _check_nearest(found, probes, vectors, metric)
    few = MadeUpVectors(1)
    index = new()
    index.build(vectors, "euc")
    index.build(few, "euc")
    found = index.candidates(probes[:3], 1)
    _check_form(found, 3, 1, len(few))
    expect(bool((found == 0).any(1).all()), "the only sequence of a gallery is no candidate")


def _check_form(found: np.ndarray, probes: int, count: int, size: int) -> None:
    expect(
        found.dtype == np.int64 and found.ndim == 2 and len(found) == probes and found.shape[1] >= count,
        f"candidates have dtype {found.dtype} and shape {found.shape}, expected int64 "
        f"[{probes}, {count} or more]",
    )
    inside = found.min() >= -1 and found.max() < size
    expect(bool(inside), f"candidates are outside a gallery of {size} sequences; -1 alone is a filler")
    for row in found:
        places = row[row >= 0]
        expect(
            len(places) == len(set(places.tolist())), "a sequence is twice among the candidates of a probe"
        )
        expect(len(places) > 0, "a probe has no candidate at all")


def _check_nearest(found: np.ndarray, probes: np.ndarray, vectors: MadeUpVectors, metric: Metric) -> None:
    distances = part_distances(probes, vectors.values, metric)
    for row, own in zip(found, distances, strict=True):
        nearest = list(dict.fromkeys(vectors.people[np.argsort(own, kind="stable")].tolist()))[: len(row)]
        named = set(vectors.people[row[row >= 0]].tolist())
        expect(
            set(nearest[:5]) <= named, "an exact index does not name a sequence of each of the nearest people"
        )
