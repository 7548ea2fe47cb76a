"""Scores of a query set against a gallery, as cross-spectral re-identification counts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gait_plugins.metrics import score_ranking


@dataclass(frozen=True)
class Scores:
    """Figures of one trial, over the queries whose identity is in their gallery; shares in [0, 1]."""

    cmc: np.ndarray
    """Share of queries found by rank 1, 2, ..; float64 ``[max_rank]``."""
    mean_ap: float
    mean_inp: float
    without_match: int
    """Queries that are left out because their gallery does not hold their identity."""

    def figures(self, ranks: tuple[int, ...]) -> dict[str, float]:
        """``R1`` and the like, ``mAP`` and ``mINP``, in percent."""
        named = {f"R{k}": float(self.cmc[k - 1] * 100) for k in ranks}
        return {**named, "mAP": self.mean_ap * 100, "mINP": self.mean_inp * 100}


def score(
    distances: np.ndarray,
    query_ids: np.ndarray,
    gallery_ids: np.ndarray,
    *,
    exclude: np.ndarray | None = None,
    distinct: bool,
    max_rank: int = 20,
) -> Scores:
    """Score distances ``[q, g]``; equal ones rank in gallery order.

    Args:
        distances: only their order matters.
        query_ids: identities ``[q]``.
        gallery_ids: identities ``[g]``.
        exclude: bool ``[q, g]``, True for pairs that are taken out of the ranking.
        distinct: the CMC counts an identity once, by its nearest image (SYSU-MM01 and LLCM); AP and
            INP count images always.
        max_rank: ranks of the CMC; where there are fewer identities it stays at its last value.
    """
    found = score_ranking(distances, query_ids, gallery_ids, exclude=exclude)
    if distinct:
        ranks = _rank_among_identities(distances, query_ids, gallery_ids, exclude)[found.matched]
        reached = np.arange(1, max_rank + 1)[:, None] > ranks
        cmc = reached.mean(1) if len(ranks) else np.full(max_rank, np.nan)
    else:
        cmc = found.cmc(max_rank)
    return Scores(cmc, found.mAP, found.mINP, found.without_match)


def _rank_among_identities(
    distances: np.ndarray, query_ids: np.ndarray, gallery_ids: np.ndarray, exclude: np.ndarray | None
) -> np.ndarray:
    """Identities whose nearest image ranks before that of the right one, int64 ``[q]``."""
    places = np.empty(distances.shape, np.int64)
    order = np.argsort(distances, axis=1, kind="stable")
    np.put_along_axis(places, order, np.arange(distances.shape[1])[None], axis=1)
    if exclude is not None:
        places[exclude] = distances.shape[1]
    by_identity = np.argsort(gallery_ids, kind="stable")
    names, starts = np.unique(gallery_ids[by_identity], return_index=True)
    nearest = np.minimum.reduceat(places[:, by_identity], starts, axis=1)
    own = np.where(names == query_ids[:, None], nearest, distances.shape[1]).min(1)
    return np.asarray((nearest < own[:, None]).sum(1))
