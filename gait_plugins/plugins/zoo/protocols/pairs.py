"""Pairs of probe and gallery: a sequence never meets itself, nor, on request, its own view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gait_plugins.api import EmbeddingSet
from gait_plugins.metrics import same_identity_and_camera


@dataclass(frozen=True)
class Pairs:
    """Probes and gallery of a test set."""

    data: EmbeddingSet
    probes: np.ndarray
    """Positions in the test set."""
    gallery: np.ndarray
    identical_views: bool

    def matches(self) -> np.ndarray:
        """How many of its gallery show the person of each probe, int64 ``[n_probe]``."""
        _, person = np.unique(self.data.labels, return_inverse=True)
        _, view = np.unique(self.data.views, return_inverse=True)
        person, view = person.reshape(-1), view.reshape(-1)
        found = np.bincount(person[self.gallery], minlength=len(person))[person[self.probes]]
        if self.identical_views:
            others: np.ndarray = found - np.isin(self.probes, self.gallery)
            return others
        seen = person * (view.max(initial=0) + 1) + view
        of_view = np.bincount(seen[self.gallery], minlength=seen.max(initial=0) + 1)
        left: np.ndarray = found - of_view[seen[self.probes]]
        return left

    def across_views(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of the probes of each view and of the gallery of each other view; none where the gallery
        has a single view."""
        of_probes, of_gallery = self.data.views[self.probes], self.data.views[self.gallery]
        known = np.unique(of_gallery)
        for view in np.unique(of_probes) if len(known) > 1 else ():
            for other in known[known != view]:
                yield self.probes[of_probes == view], self.gallery[of_gallery == other]

    def exclusion(self) -> Callable[[slice], np.ndarray] | None:
        """A sequence never meets itself, nor, where told so, the same person in the same view."""
        probes, gallery, data = self.probes, self.gallery, self.data
        if not self.identical_views:
            labels, views = data.labels, data.views
            # A sequence is of its own person and view: it is taken out with them.
            return same_identity_and_camera(labels[probes], labels[gallery], views[probes], views[gallery])
        if np.isin(probes, gallery).any():
            return lambda rows: probes[rows, None] == gallery
        return None
