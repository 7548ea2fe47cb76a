"""An index: which sequences of a large gallery may be the nearest."""

from __future__ import annotations

import numpy as np

from gait_plugins import GalleryIndex, StoredVectors
from gait_plugins.metrics import Metric


class ExampleIndex(GalleryIndex):
    """Compares the signs of random sums; the candidates are then ranked by their exact distances.

    Args:
        bits: how many.
        fewest: candidates of each probe, at least.
    """

    def __init__(self, bits: int = 256, fewest: int = 500) -> None:
        self.bits, self.fewest = bits, fewest

    def build(self, vectors: StoredVectors, metric: Metric) -> None:
        """Take in a gallery, a block at a time."""
        channels, parts = vectors.shape
        rng = np.random.default_rng(0)
        self.sums = rng.normal(size=(channels * parts, self.bits)).astype(np.float32)
        self.held = np.concatenate([self.signs(values) for _, values in vectors.blocks()])

    def candidates(self, probes: np.ndarray, count: int) -> np.ndarray:
        """Places, int64 ``[m, k]`` with k at least ``count``."""
        unlike = (self.signs(probes)[:, None] != self.held[None]).sum(2)
        order = np.argsort(unlike, axis=1, kind="stable")
        return order[:, : max(count, self.fewest)].astype(np.int64)

    def signs(self, values: np.ndarray) -> np.ndarray:
        """The signs of the sums, bool ``[k, bits]``."""
        found: np.ndarray = values.reshape(len(values), -1) @ self.sums > 0
        return found
