"""Re-ranking by shared neighbours (k-reciprocal encoding), without a loop over sequences.

Source: Zhong et al., Re-ranking Person Re-identification with k-reciprocal Encoding, sections 3.2-3.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from gait_plugins.errors import ConfigError, DataError
from gait_plugins.metrics.distances import Metric, distance_chunks, paired_distances
from gait_plugins.metrics.retrieval import nearest_of
from gait_plugins.metrics.sparse import SparseRows, expand

# Products of weights that are held at once while overlaps are summed: about 100 MiB.
_BUDGET = 2**21


@dataclass(frozen=True)
class _Neighbourhood:
    """The distances that the encoding needs, each divided by the largest of its sequence."""

    nearest: np.ndarray
    """Positions of the nearest sequences, probes and gallery together, int64 ``[n, k]``."""
    between: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """Distances of pairs: positions ``[m]`` and ``[m]`` -> float32 ``[m]``."""
    direct: np.ndarray
    """Probes to gallery, float32 ``[n_probe, n_gallery]``."""


def rerank(
    probe: np.ndarray,
    gallery: np.ndarray,
    *,
    metric: Metric = "euc",
    k1: int = 6,
    k2: int = 6,
    lambda_value: float = 0.3,
    device: torch.device | str | None = None,
) -> np.ndarray:
    """Distances of probes to the gallery, corrected by how far they share their nearest sequences.

    The distances of all sequences to all are taken a chunk at a time and never held together; only
    those of probes to gallery are kept. The overlap of neighbours is summed in float32.

    Args:
        probe: embeddings ``[n_probe, c, p]``.
        gallery: embeddings ``[n_gallery, c, p]``.
        metric: ``euc`` or ``cos``; see :func:`~gait_plugins.metrics.distance_chunks`.
        k1: neighbours that must hold each other.
        k2: neighbours whose encodings are averaged; 1 averages none.
        lambda_value: share of the original distance, in [0, 1]; 0 takes the overlap alone.
        device: where distances are computed; None means CUDA where there is one.

    Returns:
        float32 ``[n_probe, n_gallery]`` in [0, 1]; only the order in a row matters.

    Raises:
        ConfigError: k1, k2 or lambda_value out of range.
        DataError: there are no probes or no gallery.
    """
    _check(k1, k2, lambda_value)
    if not len(probe) or not len(gallery):
        raise DataError(f"re-ranking needs both, got {len(probe)} probes, {len(gallery)} gallery sequences")
    everyone = np.concatenate([probe, gallery]).astype(np.float32, copy=False)
    count, probes = len(everyone), len(probe)
    nearest = np.empty((count, min(max(k1 + 1, k2), count)), np.int64)
    farthest = np.empty(count, np.float32)
    direct = np.empty((probes, len(gallery)), np.float32)
    for rows, distances in distance_chunks(everyone, everyone, metric, device=device):
        largest = _nonzero(distances.amax(1))
        farthest[rows] = largest.cpu().numpy()
        nearest[rows] = nearest_of(distances, nearest.shape[1])
        own = max(min(rows.stop, probes) - rows.start, 0)
        relative = distances[:own, probes:] / largest[:own, None]
        direct[rows.start : rows.start + own] = relative.cpu().numpy()

    def between(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        found: np.ndarray = paired_distances(everyone, left, right, metric) / farthest[left]
        return found

    return _reranked(_Neighbourhood(nearest, between, direct), k1, k2, lambda_value)


def rerank_distances(
    distances: np.ndarray, probes: int, *, k1: int = 6, k2: int = 6, lambda_value: float = 0.3
) -> np.ndarray:
    """:func:`rerank` of distances that are known already.

    Args:
        distances: of all sequences to all, probes first, symmetric, float ``[n, n]``.
        probes: how many of the ``n`` are probes.
        k1: see :func:`rerank`.
        k2: see :func:`rerank`.
        lambda_value: see :func:`rerank`.

    Returns:
        float32 ``[probes, n - probes]``.
    """
    _check(k1, k2, lambda_value)
    count = len(distances)
    if distances.shape != (count, count) or not 0 < probes < count:
        raise DataError(
            f"expected a square matrix of the distances between all sequences, some of them probes; got "
            f"shape {list(distances.shape)} with {probes} probes"
        )
    given = torch.as_tensor(distances, dtype=torch.float32)
    relative = (given / _nonzero(given.amax(1))[:, None]).numpy()
    nearest = nearest_of(given, min(max(k1 + 1, k2), count))
    neighbourhood = _Neighbourhood(nearest, lambda i, j: relative[i, j], relative[:probes, probes:])
    return _reranked(neighbourhood, k1, k2, lambda_value)


def _reranked(neighbourhood: _Neighbourhood, k1: int, k2: int, lambda_value: float) -> np.ndarray:
    nearest = neighbourhood.nearest
    rows, columns = _reciprocal_pairs(nearest, k1)
    encoding = SparseRows.of(rows, columns, np.exp(-neighbourhood.between(rows, columns)), len(nearest))
    encoding = encoding.scaled_to_one()
    if k2 > 1:
        encoding = encoding.averaged(nearest[:, :k2])
    probes = len(neighbourhood.direct)
    result = neighbourhood.direct * np.float32(lambda_value)
    for chunk, shared in _overlaps(encoding, probes):
        result[chunk] += (1 - shared / (2 - shared)) * np.float32(1 - lambda_value)
    return result


def _reciprocal_pairs(nearest: np.ndarray, k1: int) -> tuple[np.ndarray, np.ndarray]:
    """Each sequence with its k-reciprocal neighbours, widened by theirs; sorted pairs of positions."""
    near, half = nearest[:, : k1 + 1], nearest[:, : round(k1 / 2) + 1]
    mutual, mutual_half = _mutual(near), _mutual(half)
    pairs = [_keys(near, mutual)]
    half_size = mutual_half.sum(1)
    everyone = np.arange(len(near))[:, None]
    for column in range(near.shape[1]):
        # One neighbour of every sequence at a time: its own circle joins if it lies mostly within.
        neighbour = near[:, column]
        circle, member = half[neighbour], mutual_half[neighbour]
        known = ((circle[:, :, None] == near[:, None]) & mutual[:, None]).any(2) & member
        joins = mutual[:, column] & (3 * known.sum(1) > 2 * half_size[neighbour])
        pairs.append((everyone * len(near) + circle)[member & joins[:, None]])
    keys = np.unique(np.concatenate(pairs))
    return keys // len(near), keys % len(near)


def _mutual(near: np.ndarray) -> np.ndarray:
    """Which neighbours have the sequence among theirs, bool ``[n, k]``."""
    own = np.arange(len(near))[:, None]
    return np.stack([(near[column] == own).any(1) for column in near.T], axis=1)


def _keys(near: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Chosen pairs as single numbers, ``row * n + column``."""
    keys: np.ndarray = (np.arange(len(near))[:, None] * len(near) + near)[chosen]
    return keys


def _overlaps(encoding: SparseRows, probes: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Sums of the smaller of two weights of some probes and the whole gallery, float32 ``[m, n_gallery]``."""
    gallery = encoding.of_rows(probes, encoding.count)
    holders = gallery.transposed(encoding.count)
    for chunk in _chunks(encoding, holders, probes):
        own = encoding.of_rows(chunk.start, chunk.stop)
        which, entry = expand(holders.starts[own.columns], holders.starts[own.columns + 1])
        smaller = np.minimum(own.values[which], holders.values[entry])
        place = own.rows[which] * gallery.count + holders.columns[entry]
        total = np.bincount(place, smaller, own.count * gallery.count)
        yield chunk, total.reshape(own.count, gallery.count).astype(np.float32)


def _chunks(encoding: SparseRows, holders: SparseRows, probes: int) -> Iterator[slice]:
    """Probes in turn, so many that neither their products nor their sums exceed the budget."""
    products = np.diff(holders.starts)[encoding.columns]
    before = np.concatenate([[0], np.cumsum(products)])[encoding.starts]
    work = before[: probes + 1] + np.arange(probes + 1) * (encoding.count - probes)
    start = 0
    while start < probes:
        stop = int(np.searchsorted(work, work[start] + _BUDGET, side="right")) - 1
        stop = min(max(stop, start + 1), probes)
        yield slice(start, stop)
        start = stop


def _nonzero(largest: torch.Tensor) -> torch.Tensor:
    """Equal embeddings have no distance at all: nothing to divide by."""
    return largest.masked_fill(largest == 0, 1)


def _check(k1: int, k2: int, lambda_value: float) -> None:
    if k1 < 1 or k2 < 1 or not 0 <= lambda_value <= 1:
        raise ConfigError(
            f"re-ranking got k1={k1}, k2={k2}, lambda_value={lambda_value}: k1 and k2 must be 1 or more, "
            "lambda_value must lie between 0 and 1"
        )
