"""Timing of the protocols at the size of their data sets, embeddings of 256 channels and 16 parts.

    python benchmarks/evaluation.py {casia-b,grew,hid} [--threads 2]
    python benchmarks/evaluation.py loops [--threads 2] [--probes 1000] [--gallery 5400]

``casia-b``: three conditions, eleven views, 5,485 sequences. ``grew``: 12,000 probes against a gallery of
12,000. ``hid``: the nearest of 859 identities for 7,731 probes, with and without re-ranking.

``loops`` compares with loops over the probes at Gait3D's size: one that does all of a probe's work in turn
(its distances by matrix-vector products in float32), and one that takes the distance matrix from this
package and loops over its rows only.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from tables import Row, table

import gait_plugins
from gait_plugins import EmbeddingSet
from gait_plugins.metrics import as_parts, part_distances

CHANNELS, PARTS = 256, 16


def scattered(labels: np.ndarray, spread: float = 8.0) -> np.ndarray:
    """Embeddings around one centre per identity, float32 ``[n, 256, 16]``, made in place."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((int(labels.max()) + 1, CHANNELS, PARTS), dtype=np.float32)
    embeddings = np.empty((len(labels), CHANNELS, PARTS), np.float32)
    for start in range(0, len(labels), 256):
        rows = slice(start, start + 256)
        rng.standard_normal(out=embeddings[rows], dtype=np.float32)
        embeddings[rows] = embeddings[rows] * spread + centres[labels[rows]]
    return embeddings


def gait3d(probes: int, gallery: int, identities: int = 1000) -> EmbeddingSet:
    """The first sequences are listed probes."""
    labels = np.concatenate([np.arange(probes), np.arange(gallery)]) % identities
    names = np.array([f"{label:04d}" for label in labels])
    types = np.array(["camid0_videoid0"] * len(labels))
    views = np.array([f"seq{number}" for number in range(len(labels))])
    listed = frozenset(f"{names[i]}-{types[i]}-{views[i]}" for i in range(probes))
    return EmbeddingSet(scattered(labels), names, types, views, "Gait3D", listed)


def casia_b(sequences: int = 5485) -> EmbeddingSet:
    """50 identities, ten walks, eleven views; the last few are missing, as in the data set."""
    kinds = [f"nm-{n:02d}" for n in range(1, 7)] + [
        f"{kind}-{n:02d}" for kind in ("bg", "cl") for n in (1, 2)
    ]
    views = [f"{angle:03d}" for angle in range(0, 181, 18)]
    walks = [(label, kind, view) for label in range(50) for kind in kinds for view in views][:sequences]
    labels, types, seen = (np.array(column) for column in zip(*walks, strict=True))
    return EmbeddingSet(scattered(labels), labels.astype(str), types, seen, "CASIA-B")


def grew(probes: int = 12000, gallery: int = 12000) -> EmbeddingSet:
    """Two takes of everybody."""
    labels = np.concatenate([np.arange(gallery), np.arange(probes) % gallery])
    types = np.array(["01"] * gallery + ["02"] * probes)
    views = np.array([f"v{number}" for number in range(len(labels))])
    return EmbeddingSet(scattered(labels), np.char.zfill(labels.astype(str), 5), types, views, "GREW")


def hid(probes: int = 7731, gallery: int = 859) -> EmbeddingSet:
    """One gallery sequence of everybody, nine probes."""
    labels = np.concatenate([np.arange(gallery), np.arange(probes) % gallery])
    names = np.array([f"{n:05d}" for n in range(gallery)] + ["probe"] * probes)
    views = np.array([f"{number:05d}" for number in range(len(labels))])
    return EmbeddingSet(scattered(labels), names, np.array(["default"] * len(labels)), views, "HID")


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


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Best time of some repeats, and what the work returned."""
    best, result = float("inf"), None
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return best, result


def time_protocol(data: EmbeddingSet, name: str, repeats: int, **options: Any) -> list[Row]:
    """The best time of one protocol, the processor's, and its first figures."""
    protocol = gait_plugins.build("protocol", {"eval_func": name, **options})
    before = time.process_time()
    taken, results = timed(lambda: protocol.evaluate(data), repeats)
    busy = (time.process_time() - before) / repeats
    found = ", ".join(f"{figure} {value:.2f}" for figure, value in list(results.metrics.items())[:3])
    said = f"{results.probes} probes, {results.gallery} gallery, {found or 'a file'}"
    return [
        Row(f"{results.protocol}: {said}", None, taken, "s"),
        Row("processor time of it", None, busy, "s"),
    ]


def compare_with_loops(probes: int, gallery_size: int, repeats: int) -> list[Row]:
    """The time of this package's evaluation beside two loops over the probes."""
    data = gait3d(probes, gallery_size)
    protocol = gait_plugins.get("protocol", "evaluate_Gait3D")(metric="euc")
    embeddings = data.embeddings

    ours, results = timed(lambda: protocol.evaluate(data), repeats)
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
    size = f"{probes} probes, {gallery_size} gallery"
    return [
        Row(f"{size}, beside a loop over rows of a distance matrix", rows_only, ours, "s"),
        Row(f"beside a loop over probes, distances included, of {sample} probes", whole, ours, "s"),
    ]


def main() -> None:
    """Print the times of one case and the memory that it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("case", choices=("casia-b", "grew", "hid", "loops"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--probes", type=int, default=1000)
    parser.add_argument("--gallery", type=int, default=5400)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.case}, 256x16, {options.threads} threads\n")
    if options.case == "casia-b":
        rows = time_protocol(casia_b(), "evaluate_indoor_dataset", options.repeats)
    elif options.case == "grew":
        rows = time_protocol(grew(), "evaluate_real_scene", options.repeats)
    elif options.case == "hid":
        data = hid()
        rows = time_protocol(data, "HID_submission", options.repeats, rerank=False)
        rows += time_protocol(data, "HID_submission", options.repeats)
    else:
        rows = compare_with_loops(options.probes, options.gallery, options.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(table([*rows, Row("peak memory of the process", None, peak, "GiB")]))


if __name__ == "__main__":
    main()
