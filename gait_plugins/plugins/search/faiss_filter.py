"""The index of FAISS: a compressed copy of a gallery in memory that names candidates."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from gait_plugins.api.galleries.index import GalleryIndex, StoredVectors
from gait_plugins.errors import ConfigError
from gait_plugins.metrics import Metric

FEW = 2000
"""Galleries up to this size are held whole: there is too little to learn a compression from."""


class FaissIndex(GalleryIndex):
    """Names the nearest sequences by a compressed copy of the gallery (Douze et al. 2024, FAISS).

    The copy is made when the gallery is opened and lies in memory alone: what is removed from the gallery is
    in no other file.

    Args:
        factory: FAISS's words for the compression; ``auto`` is ``PCA256,SQ8`` (256 bytes a sequence).
        keep: candidates that are ranked exactly, at least.
        sample: sequences that the compression is learnt from.
    """

    def __init__(self, factory: str = "auto", keep: int = 1000, sample: int = 2048) -> None:
        self.factory, self.keep, self.sample = factory, max(keep, 1), max(sample, 1)
        self._index: Any = None
        self._metric: Metric = "euc"
        self._size = 0

    def build(self, vectors: StoredVectors, metric: Metric) -> None:
        with warnings.catch_warnings():
            # Its bindings warn as they are loaded; where warnings are errors, some releases end the process.
            warnings.simplefilter("ignore", DeprecationWarning)
            import faiss

        self._metric, self._size = metric, len(vectors)
        channels, parts = vectors.shape
        try:
            self._index = faiss.index_factory(channels * parts, self._words(channels * parts))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ConfigError(
                f"factory of FaissIndex is {self.factory!r}, which FAISS refuses: {reason}",
                hint="PCA256,SQ8 is the usual one; see FAISS's page on the index factory",
            ) from error
        if not self._index.is_trained:
            chosen = np.random.default_rng(0).permutation(len(vectors))[: self.sample]
            self._index.train(self._flat(vectors.take(np.sort(chosen))))
        for _, values in vectors.blocks():
            self._index.add(self._flat(values))

    def candidates(self, probes: np.ndarray, count: int) -> np.ndarray:
        wanted = min(max(count, self.keep), self._size)
        _, places = self._index.search(self._flat(probes), wanted)
        # FAISS fills with -1 where it finds fewer, as this contract does.
        return np.asarray(places, np.int64)

    def _words(self, size: int) -> str:
        if self.factory != "auto":
            return self.factory
        if self._size <= FEW:
            return "Flat"
        return "PCA256,SQ8" if size > 256 else "SQ8"

    def _flat(self, values: np.ndarray) -> np.ndarray:
        """Embeddings ``[n, c, p]`` as vectors whose order by distance is near that of the gallery."""
        rows = np.ascontiguousarray(values.transpose(0, 2, 1), np.float32)
        if self._metric == "cos":
            # The squared distance of unit parts is twice their 1 - cosine: here the order is the same.
            rows = rows / np.maximum(np.linalg.norm(rows, axis=2, keepdims=True), 1e-12)
        return rows.reshape(len(rows), -1)
