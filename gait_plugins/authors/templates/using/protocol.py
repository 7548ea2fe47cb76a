"""A protocol: embeddings of the test sequences to figures."""

from __future__ import annotations

import numpy as np

from gait_plugins import DataError, EmbeddingSet, Protocol, Results
from gait_plugins.metrics import Metric, part_distances


class ExampleProtocol(Protocol):
    """Rank-1 across views: is the nearest sequence of another view of the same person?

    Args:
        metric: distance of two embeddings.
    """

    def __init__(self, metric: Metric = "euc") -> None:
        self.metric = metric

    def check(self, data: EmbeddingSet) -> None:
        """Refuse data of a single view, before any work."""
        if len(set(data.views.tolist())) < 2:
            raise DataError(
                f"{len(data)} sequences of one view have no gallery",
                hint="test on sequences of several views",
            )

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Score each sequence against those of all other views."""
        self.check(data)
        distance = part_distances(data.embeddings, data.in_gallery, self.metric)
        distance = np.where(data.views[:, None] == data.views[None], np.inf, distance)
        hits = data.labels[distance.argmin(1)] == data.labels
        known = (data.labels[:, None] == data.labels[None]) & np.isfinite(distance)
        return Results(
            protocol="nearest sequence of another view",
            dataset=data.dataset_name,
            metrics={"R1": 100 * float(hits.mean())},
            probes=len(data),
            gallery=len(data),
            probes_without_match=int((~known.any(1)).sum()),
        )
