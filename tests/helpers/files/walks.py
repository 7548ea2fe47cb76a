"""Embedded test sets of made-up people."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from gait_plugins import EmbeddingSet

FIELDS = ("embeddings", "labels", "types", "views")


def embedded(
    walks: Sequence[tuple[str, str, str]],
    dataset: str,
    *,
    noise: float = 0.0,
    seed: int = 0,
    probes: frozenset[str] | None = None,
) -> EmbeddingSet:
    """A sequence for each (identity, type, view), scattered around its identity's centre."""
    rng = np.random.default_rng(seed)
    labels, types, views = (np.array(column) for column in zip(*walks, strict=True))
    _, identity = np.unique(labels, return_inverse=True)
    centres = rng.standard_normal((identity.max() + 1, 6, 2))[identity]
    scattered = centres + noise * rng.standard_normal(centres.shape)
    return EmbeddingSet(scattered.astype(np.float32), labels, types, views, dataset, probes)


def every(
    identities: Sequence[str], types: Sequence[str], views: Sequence[str]
) -> list[tuple[str, str, str]]:
    """One walk of each combination."""
    return [(label, kind, view) for label in identities for kind in types for view in views]


def rows(data: EmbeddingSet, chosen: np.ndarray) -> EmbeddingSet:
    """Some of the sequences, by mask or positions."""
    return dataclasses.replace(data, **{name: getattr(data, name)[chosen] for name in FIELDS})


def unembedded(data: EmbeddingSet) -> EmbeddingSet:
    """What a protocol is shown before there are embeddings."""
    return dataclasses.replace(data, embeddings=np.empty((len(data), 0, 0), np.float32))
