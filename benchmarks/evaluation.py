"""Evaluation at Gait3D's size: this package's against a loop over probes.

    python benchmarks/evaluation.py [--threads 2] [--probes 1000] [--gallery 5400]

Two loops are timed: one that does all of a probe's work in turn (its distances by matrix-vector products
in float32), and one that takes the distance matrix from this package and loops over its rows only.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch

import gait_plugins
from gait_plugins import EmbeddingSet
from gait_plugins.metrics import as_parts, part_distances


def test_set(probes: int, gallery: int, channels: int, parts: int, identities: int) -> EmbeddingSet:
    """Embeddings scattered around one centre per identity."""
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.arange(probes), np.arange(gallery)]) % identities
    centres = rng.standard_normal((identities, channels, parts), dtype=np.float32)
    noise = rng.standard_normal((len(labels), channels, parts), dtype=np.float32)
    names = np.array([f"{label:04d}" for label in labels])
    types = np.array(["camid0_videoid0"] * len(labels))
    views = np.array([f"seq{number}" for number in range(len(labels))])
    listed = frozenset(f"{names[i]}-{types[i]}-{views[i]}" for i in range(probes))
    return EmbeddingSet(centres[labels] + 3 * noise, names, types, views, "Gait3D", listed)


def score_probe(distances: np.ndarray, match: np.ndarray) -> tuple[int, float, float]:
    """First match, AP and INP of one probe, as one would write them down."""
    hits, precisions, first, last = 0, 0.0, -1, 0
    for position, hit in enumerate(match[np.argsort(distances)].tolist()):
        if hit:
            hits += 1
            precisions += hits / (position + 1)
            first, last = (position if first < 0 else first), position
    return first, precisions / hits, hits / (last + 1)


def distances_of(probe: torch.Tensor, gallery: torch.Tensor, gallery2: torch.Tensor) -> np.ndarray:
    """Mean over parts of the Euclidean distance of one probe ``[p, c]`` to the gallery ``[p, n, c]``."""
    products = torch.stack([g @ x for g, x in zip(gallery, probe, strict=True)])
    squared = probe.square().sum(dim=1, keepdim=True) + gallery2 - 2 * products
    return squared.relu().sqrt().mean(dim=0).numpy()


def loop(data: EmbeddingSet, distances: Callable[[int], np.ndarray], probes: int) -> np.ndarray:
    """Rank-1, mAP and mINP in percent by a loop over probes."""
    gallery = data.labels[probes:]
    scores = np.array([score_probe(distances(i), gallery == data.labels[i]) for i in range(probes)])
    return 100 * np.array([(scores[:, 0] == 0).mean(), scores[:, 1].mean(), scores[:, 2].mean()])


def timed(work: Callable[[], object], repeats: int) -> tuple[float, object]:
    """Best time of some repeats, and what the work returned."""
    best, result = float("inf"), None
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return best, result


def main() -> None:
    """Print the times of one run and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--probes", type=int, default=1000)
    parser.add_argument("--gallery", type=int, default=5400)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = test_set(options.probes, options.gallery, channels=256, parts=16, identities=1000)
    probes = options.probes
    protocol = gait_plugins.get("protocol", "evaluate_Gait3D")(metric="euc")
    embeddings = data.embeddings

    ours, results = timed(lambda: protocol.evaluate(data), options.repeats)
    matrix_time, matrix = timed(lambda: part_distances(embeddings[:probes], embeddings[probes:]), 1)
    rows_only, by_rows = timed(lambda: loop(data, lambda i: matrix[i], probes), 1)
    gallery, sample = as_parts(embeddings[probes:]), min(probes, 100)
    gallery2 = gallery.square().sum(dim=2)
    one_by_one = as_parts(embeddings[:sample]).unbind(1)
    close = [distances_of(one_by_one[i], gallery, gallery2) for i in range(3)]
    np.testing.assert_allclose(close, matrix[:3], rtol=1e-5)
    whole, _ = timed(lambda: [distances_of(p, gallery, gallery2) for p in one_by_one], 2)
    whole = whole / sample * probes + rows_only
    rows_only += matrix_time

    found = [results.metrics[name] for name in ("Rank-1", "mAP", "mINP")]
    np.testing.assert_allclose(found, by_rows, atol=0.05)
    print(f"{probes} probes, {options.gallery} gallery, 256x16, {options.threads} threads")
    print(f"  this package                         {ours:8.2f} s")
    print(f"  loop over rows of a distance matrix  {rows_only:8.2f} s  ({rows_only / ours:.1f}x)")
    print(f"  loop over probes, distances included {whole:8.2f} s  ({whole / ours:.1f}x), of {sample} probes")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  peak memory of the process           {peak:8.2f} GiB")


if __name__ == "__main__":
    main()
