"""Retrieval scores of a ranking of the gallery: CMC, AP and INP of all probes at once.

Equal distances rank in gallery order (a stable sort), so a result never depends on the sort used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gait_plugins.errors import DataError
from gait_plugins.metrics.distances import Metric, Rows, distance_chunks

# Distances whose first match is looked for at once on the CPU: their masks stay in the processor's cache.
_CACHED = 2**18

NO_MATCH = int(np.iinfo(np.int64).max)
"""The rank of a match that does not exist: worse than every rank."""

Exclusion = np.ndarray | Callable[[slice], np.ndarray] | None
"""Pairs to leave out: a mask ``[n_probe, n_gallery]``, or a function from the positions of some probes
to their rows of it (so that the whole mask need not exist)."""


@dataclass(frozen=True)
class RetrievalScores:
    """Scores of every probe; a probe without a match in its gallery has NaN and ``NO_MATCH``."""

    first: np.ndarray
    """Rank of the first match, from 0, int64 ``[n_probe]``."""
    average_precision: np.ndarray
    """AP, float64 ``[n_probe]`` in [0, 1]."""
    inverse_negative_penalty: np.ndarray
    """INP: matches over the rank of the last match, float64 ``[n_probe]`` in [0, 1]. Source: Ye et
    al., Deep Learning for Person Re-identification: A Survey and Outlook, section 4.2."""

    @classmethod
    def joined(cls, parts: Sequence[RetrievalScores]) -> RetrievalScores:
        """The scores of some probes after those of others."""
        return cls(
            first=np.concatenate([part.first for part in parts]),
            average_precision=np.concatenate([part.average_precision for part in parts]),
            inverse_negative_penalty=np.concatenate([part.inverse_negative_penalty for part in parts]),
        )

    @property
    def matched(self) -> np.ndarray:
        """Probes whose gallery holds a match, bool ``[n_probe]``."""
        matched: np.ndarray = self.first != NO_MATCH
        return matched

    @property
    def without_match(self) -> int:
        """Number of probes whose gallery holds no match."""
        return int((~self.matched).sum())

    @property
    def mAP(self) -> float:  # noqa: N802 - as the field writes it
        """Mean AP over the probes that have a match, in [0, 1]; NaN where there is none."""
        return _mean(self.average_precision[self.matched])

    @property
    def mINP(self) -> float:  # noqa: N802
        """Mean INP over the probes that have a match, in [0, 1]; NaN where there is none."""
        return _mean(self.inverse_negative_penalty[self.matched])

    def of(self, probes: np.ndarray) -> RetrievalScores:
        """The scores of some probes, by mask or positions."""
        return RetrievalScores(
            self.first[probes], self.average_precision[probes], self.inverse_negative_penalty[probes]
        )

    def rank(self, k: int, *, count_unmatched: bool = False) -> float:
        """Share of probes with a match among the nearest ``k``, in [0, 1].

        Args:
            k: how many of the nearest gallery sequences are looked at, from 1.
            count_unmatched: a probe without any match counts as a miss instead of being left out.
        """
        considered = self.first if count_unmatched else self.first[self.matched]
        return _mean(considered < k)

    def cmc(self, max_rank: int = 50, *, count_unmatched: bool = False) -> np.ndarray:
        """Cumulative matching characteristic: ``rank(1) .. rank(max_rank)``, float64 ``[max_rank]``.

        A gallery smaller than ``max_rank`` is fine: the curve stays at its last value.
        """
        considered = self.first if count_unmatched else self.first[self.matched]
        if not len(considered):
            return np.full(max_rank, np.nan)
        found = np.bincount(considered[considered < max_rank], minlength=max_rank)
        return np.cumsum(found) / len(considered)


def score_ranking(
    distances: np.ndarray | Tensor,
    probe_labels: np.ndarray,
    gallery_labels: np.ndarray,
    *,
    exclude: np.ndarray | None = None,
) -> RetrievalScores:
    """Score a distance matrix.

    Args:
        distances: float ``[n_probe, n_gallery]``; only their order matters.
        probe_labels: identities ``[n_probe]``.
        gallery_labels: identities ``[n_gallery]``.
        exclude: bool ``[n_probe, n_gallery]``, True for pairs that are taken out of the ranking.
    """
    far = torch.as_tensor(distances)
    match = np.asarray(probe_labels)[:, None] == np.asarray(gallery_labels)[None, :]
    if exclude is not None:
        exclude = np.asarray(exclude, bool)
        match &= ~exclude
    counts = np.count_nonzero(match, axis=1)
    if far.device.type != "cpu" or far.dtype not in (torch.float32, torch.float64):
        return _scored(_ranks_by_order(far, match, exclude), counts)
    ranks, ties = _ranks_by_value(far.numpy(), match, counts, exclude)
    if ties.any():
        some = None if exclude is None else exclude[ties]
        ranks[np.repeat(ties, counts)] = _ranks_by_order(far[torch.from_numpy(ties)], match[ties], some)
    return _scored(ranks, counts)


def retrieve(
    probe: np.ndarray | Tensor | Rows,
    gallery: np.ndarray | Tensor | Rows,
    probe_labels: np.ndarray,
    gallery_labels: np.ndarray,
    *,
    metric: Metric = "euc",
    exclude: Exclusion = None,
    chunk_size: int | None = None,
    device: torch.device | str | None = None,
) -> RetrievalScores:
    """Rank the gallery for every probe and score it, a chunk of probes at a time.

    Args:
        probe: embeddings ``[n_probe, c, p]``, or some rows of such.
        gallery: embeddings ``[n_gallery, c, p]``, or some rows of such.
        probe_labels: identities ``[n_probe]``.
        gallery_labels: identities ``[n_gallery]``.
        metric: ``euc`` or ``cos``; see :func:`distance_chunks`.
        exclude: pairs taken out of the ranking; see :data:`Exclusion`, :func:`same_identity_and_camera`.
        chunk_size: probes at a time; None keeps the memory constant.
        device: where distances are computed; None means CUDA where there is one.
    """
    # Comparing numbers is far cheaper than comparing texts.
    probe_labels, gallery_labels = _codes(probe_labels, gallery_labels)
    parts = []
    for rows, chunk in distance_chunks(probe, gallery, metric, chunk_size=chunk_size, device=device):
        pairs = exclude(rows) if callable(exclude) else None if exclude is None else exclude[rows]
        parts.append(score_ranking(chunk, probe_labels[rows], gallery_labels, exclude=pairs))
    if not parts:
        raise DataError("there are no probes to score", hint="check the list of probes and the test set")
    return RetrievalScores.joined(parts)


def same_identity_and_camera(
    probe_labels: np.ndarray,
    gallery_labels: np.ndarray,
    probe_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
) -> Callable[[slice], np.ndarray]:
    """The customary exclusion of re-identification: the same person seen by the same camera.

    Args:
        probe_labels: identities ``[n_probe]``.
        gallery_labels: identities ``[n_gallery]``.
        probe_cameras: cameras or views ``[n_probe]``.
        gallery_cameras: cameras or views ``[n_gallery]``.
    """
    probe_ids, gallery_ids = _codes(probe_labels, gallery_labels)
    probe_seen, gallery_seen = _codes(probe_cameras, gallery_cameras)

    def rows_of(rows: slice) -> np.ndarray:
        same: np.ndarray = probe_ids[rows, None] == gallery_ids
        same &= probe_seen[rows, None] == gallery_seen
        return same

    return rows_of


def first_match(distances: Tensor, match: Tensor) -> Tensor:
    """Rank of the first match of every probe, from 0, without sorting.

    Args:
        distances: ``[n_probe, n_gallery]``.
        match: bool ``[n_probe, n_gallery]``, True where the identities agree.

    Returns:
        int64 ``[n_probe]``; ``NO_MATCH`` where a probe has none.
    """
    count, columns = distances.shape
    if not columns:
        return distances.new_full((count,), NO_MATCH, dtype=torch.int64)
    # Some rows at a time stay in the processor's cache; a GPU takes all at once.
    step = max(_CACHED // columns, 1) if distances.device.type == "cpu" else max(count, 1)
    some = zip(torch.split(distances, step), torch.split(match, step), strict=True)
    return torch.cat([_first_match(*rows) for rows in some])


def nearest_of(distances: Tensor, k: int) -> np.ndarray:
    """The nearest of the gallery, the earlier of equals first, without sorting all of it.

    Args:
        distances: ``[n_probe, n_gallery]``.
        k: how many, at most ``n_gallery``.

    Returns:
        Positions in the gallery, int64 ``[n_probe, k]``.
    """
    bound = distances.topk(k, dim=1, largest=False).values.amax(1, keepdim=True)
    # Which of equals topk takes is left open: those at the bound are filled up in order.
    inside, at_bound = distances < bound, distances == bound
    room = k - inside.sum(1, keepdim=True)
    chosen = inside | (at_bound & (at_bound.cumsum(1) <= room))
    columns = chosen.nonzero()[:, 1].view(len(distances), k)
    order = distances.gather(1, columns).argsort(dim=1, stable=True)
    found: np.ndarray = columns.gather(1, order).cpu().numpy()
    return found


def _first_match(distances: Tensor, match: Tensor) -> Tensor:
    best = torch.where(match, distances, torch.inf).amin(1, keepdim=True)
    # Sums of 32 bits: for 64 torch would make a copy of the whole mask in 64 bits first.
    nearer = (distances < best).sum(1, dtype=torch.int32)
    tied = (distances <= best).sum(1, dtype=torch.int32) - nearer
    rank = nearer.long()
    several = (tied > 1).nonzero()[:, 0]
    if len(several):
        # Among equals the earlier one in the gallery ranks first: count the ties before the first match.
        equal, match_there = distances[several] == best[several], match[several]
        position = torch.arange(distances.shape[1], device=distances.device)
        found = torch.where(equal & match_there, position, distances.shape[1]).amin(1, keepdim=True)
        rank[several] += (equal & (position < found)).sum(1)
    doubtful = (best == torch.inf).nonzero()[:, 0]
    rank[doubtful[~match[doubtful].any(1)]] = NO_MATCH
    return rank


def _ranks_by_value(
    distances: np.ndarray, match: np.ndarray, counts: np.ndarray, exclude: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks of the matches from sorted distances alone, in a fifth of the time that a stable order takes.

    Returns:
        The ranks, probe by probe and ascending, int64; and the probes of which a match has the distance of
        another pair, bool ``[n_probe]``: their ranks are to be told by an order.
    """
    ranks = np.empty(int(counts.sum()), np.int64)
    ties = np.zeros(len(distances), bool)
    ends = np.cumsum(counts)
    for probe in np.flatnonzero(counts):
        ordered = np.sort(distances[probe] if exclude is None else distances[probe][~exclude[probe]])
        values = np.sort(distances[probe][match[probe]])
        found = np.searchsorted(ordered, values)
        behind = np.searchsorted(ordered, values, "right")
        ranks[ends[probe] - counts[probe] : ends[probe]] = found
        ties[probe] = (behind - found > 1).any()
    return ranks, ties


def _ranks_by_order(distances: Tensor, match: np.ndarray, exclude: np.ndarray | None) -> np.ndarray:
    """Ranks of the matches, probe by probe and ascending; equal distances rank in gallery order."""
    order = torch.argsort(distances, dim=1, stable=True).cpu().numpy()
    rows, columns = np.nonzero(np.take_along_axis(match, order, axis=1))
    if exclude is None:
        return columns
    kept = np.cumsum(~np.take_along_axis(exclude, order, axis=1), axis=1, dtype=np.int32)
    ranks: np.ndarray = kept[rows, columns] - 1
    return ranks


def _scored(ranks: np.ndarray, counts: np.ndarray) -> RetrievalScores:
    """Scores from the ranks of the matches, probe by probe and ascending; ``counts`` are each probe's."""
    probes = len(counts)
    rows, ends = np.repeat(np.arange(probes), counts), np.cumsum(counts)
    hits = np.arange(1, len(rows) + 1) - np.repeat(ends - counts, counts)  # 1, 2, .. within each probe
    matched = counts > 0
    first = np.full(probes, NO_MATCH, np.int64)
    precision, penalty = np.full(probes, np.nan), np.full(probes, np.nan)
    first[matched] = ranks[(ends - counts)[matched]]
    summed = np.bincount(rows, weights=hits / (ranks + 1), minlength=probes)
    precision[matched] = summed[matched] / counts[matched]
    penalty[matched] = counts[matched] / (ranks[ends[matched] - 1] + 1)
    return RetrievalScores(first, precision, penalty)


def _codes(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays of names as numbers that are equal where the names are."""
    _, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    codes = codes.reshape(-1).astype(np.int32)
    return codes[: len(left)], codes[len(left) :]


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
