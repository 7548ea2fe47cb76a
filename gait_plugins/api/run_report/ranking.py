"""Ranking of a gallery for each probe, with the distances of same and of different people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gait_plugins.api.protocol import Compared, EmbeddingSet
from gait_plugins.errors import DataError
from gait_plugins.metrics import NO_MATCH, Metric, distance_chunks, first_match, nearest_of

BINS = 4000
"""Of the distances; curves of errors are read from their counts."""
MOST_VIEWS = 40
"""More views than that are names of films, and are not told apart; except where a protocol does so itself."""
NEAREST = 5
"""Matches that are kept of each probe."""


@dataclass(frozen=True)
class Ranking:
    """What comparing all probes with their gallery has found."""

    compared: Compared
    views: tuple[str, ...]
    """Of the gallery, in order; empty where they are too many to be told apart."""
    probe_views: np.ndarray
    """View of each probe, str ``[n_probe]``."""
    first: np.ndarray
    """Rank of the first match, from 0, int64 ``[n_probe]``; ``NO_MATCH`` where there is none."""
    first_by_view: np.ndarray
    """The same in the gallery of each view alone, int64 ``[n_probe, n_view]``."""
    nearest: np.ndarray
    """Positions of the nearest sequences in the test set, int64 ``[n_probe, k]``; -1 where none is left."""
    distances: np.ndarray
    """Theirs, float32 ``[n_probe, k]``."""
    margin: np.ndarray
    """Distance of the nearest match less that of the nearest other person, float32 ``[n_probe]``; above zero
    another person is nearer, NaN where the gallery lacks either."""
    edges: np.ndarray
    """Of the bins of distances, float64 ``[b + 1]``."""
    same: np.ndarray
    """Pairs of one person in each bin, int64 ``[b]``."""
    different: np.ndarray
    """Pairs of two people in each bin, int64 ``[b]``."""

    def cmc(self, most: int = 20, probes: np.ndarray | None = None) -> np.ndarray:
        """Share of probes with a match among the nearest 1 .. ``most``, float64 ``[most]`` in [0, 1].

        It is counted by the rule of the protocol: over all probes, or as the mean over pairs of views.

        Args:
            most: the largest rank.
            probes: bool ``[n_probe]``, of which; None: of all.
        """
        chosen = np.ones(len(self.first), bool) if probes is None else probes
        ranks = np.arange(most)
        if not self.compared.view_by_view:
            first = self.first[chosen & (self._counted | (self.first != NO_MATCH))]
            return (first[:, None] <= ranks).mean(0) if len(first) else np.full(most, np.nan)
        return _means([_means(self._of_views(view, chosen, ranks)) for view in np.unique(self.probe_views)])

    def by_view(self, probes: np.ndarray | None = None) -> tuple[list[str], np.ndarray]:
        """Views of the probes, and the share that is found at first in the gallery of each view.

        Args:
            probes: bool ``[n_probe]``, of which; None: of all.

        Returns:
            The views, and float64 ``[probe view, gallery view]`` in [0, 1]; NaN where nothing is compared.
        """
        chosen = np.ones(len(self.first), bool) if probes is None else probes
        found = [str(view) for view in np.unique(self.probe_views[chosen])]
        shares = np.full((len(found), len(self.views)), np.nan)
        for row, view in enumerate(found):
            for column in range(len(self.views)):
                first = self._first_of(view, column, chosen)
                shares[row, column] = (first == 0).mean() if len(first) else np.nan
        return found, shares

    @cached_property
    def errors(self) -> tuple[np.ndarray, np.ndarray]:
        """False match and false non-match rates of each threshold, float64 ``[b + 1]`` in [0, 1]."""
        return tuple(_rates(counts) for counts in (self.different, self.same))  # type: ignore[return-value]

    @property
    def equal_error(self) -> float:
        """The rate at which both errors are the same; NaN where there are no pairs of either kind."""
        match, missed = self.errors[0], 1 - self.errors[1]
        place = int(np.argmin(np.abs(match - missed)))
        return float((match[place] + missed[place]) / 2)

    @property
    def _counted(self) -> bool:
        return self.compared.unmatched_are_misses

    def _of_views(self, view: str, chosen: np.ndarray, ranks: np.ndarray) -> list[np.ndarray]:
        found = [self._first_of(view, column, chosen) for column in range(len(self.views))]
        return [(first[:, None] <= ranks).mean(0) for first in found if len(first)]

    def _first_of(self, view: str, column: int, chosen: np.ndarray) -> np.ndarray:
        """Ranks of a view's probes in a view's gallery; none where they are not compared."""
        first = self.first_by_view[chosen & (self.probe_views == view), column]
        matched = first[first != NO_MATCH]
        found: np.ndarray = first if self._counted and len(matched) else matched
        return found


def rank(data: EmbeddingSet, compared: Compared, metric: Metric = "euc") -> Ranking:
    """Rank the gallery for each probe.

    Args:
        data: the embedded test set.
        compared: which is compared with which.
        metric: the distance.

    Raises:
        DataError: an embedding is not finite, or there is nothing to be compared.
    """
    probes, gallery = compared.probes, compared.gallery
    if not len(probes) or not len(gallery):
        raise DataError(
            f"there is nothing to be ranked: {len(probes)} probes, {len(gallery)} sequences in the gallery",
            hint="gait-plugins data check lists the sequences and their conditions",
        )
    views = tuple(str(view) for view in np.unique(data.views[gallery]))
    views = views if compared.view_by_view or len(views) <= MOST_VIEWS else ()
    columns = [torch.from_numpy(np.flatnonzero(data.views[gallery] == view)) for view in views]
    _, people = np.unique(data.labels, return_inverse=True)
    codes = torch.from_numpy(people.reshape(-1))
    known = (each[each.isfinite()] for _, each, _ in _chunks(data, compared, metric))
    high = max((float(each.max()) for each in known if len(each)), default=1.0)
    edges = np.linspace(0.0, max(high, 1e-6) * (1 + 1e-6), BINS + 1)
    counts = np.zeros((2, BINS), np.int64)
    parts: list[tuple[np.ndarray, ...]] = []
    for rows, far, kept in _chunks(data, compared, metric):
        same = (codes[probes[rows], None] == codes[gallery]) & kept
        found = first_match(far, same).numpy()
        of_views = [first_match(far[:, column], same[:, column]).numpy() for column in columns]
        place = nearest_of(far, min(NEAREST, len(gallery)))
        near = np.take_along_axis(far.numpy(), place, 1)
        margin = _nearest(far, same) - _nearest(far, kept & ~same)
        chosen = np.where(np.isfinite(near), gallery[place], -1)
        by_views = np.stack(of_views, 1) if views else np.zeros((len(found), 0), np.int64)
        parts.append((found, by_views, chosen, near, margin))
        for kind, pairs in enumerate((same, kept & ~same)):
            counts[kind] += np.histogram(far[pairs].numpy(), edges)[0]
    first, by_view, nearest, near, margin = (np.concatenate(each) for each in zip(*parts, strict=True))
    seen = data.views[probes]
    return Ranking(compared, views, seen, first, by_view, nearest, near, margin, edges, counts[0], counts[1])


def _chunks(data: EmbeddingSet, compared: Compared, metric: Metric) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Some probes, their distances (infinite where not compared), and which of the gallery they meet."""
    sides = data.embeddings[compared.probes], data.in_gallery[compared.gallery]
    for rows, far in distance_chunks(*sides, metric, device="cpu"):
        kept = torch.ones_like(far, dtype=torch.bool)
        if compared.left_out is not None:
            kept = ~torch.from_numpy(np.ascontiguousarray(compared.left_out(rows)))
        yield rows, far.clamp_min(0).masked_fill(~kept, torch.inf), kept


def _nearest(far: Tensor, pairs: Tensor) -> np.ndarray:
    nearest = far.masked_fill(~pairs, torch.inf).amin(1).numpy()
    return np.where(np.isfinite(nearest), nearest, np.nan)


def _rates(counts: np.ndarray) -> np.ndarray:
    """Share of the pairs that are nearer than each edge."""
    total = counts.sum()
    below = np.concatenate([[0], np.cumsum(counts)])
    return below / total if total else np.full(len(below), np.nan)


def _means(rows: list[np.ndarray]) -> np.ndarray:
    known = [row for row in rows if np.isfinite(row).all()]
    return np.mean(known, axis=0) if known else np.full(1, np.nan)
