"""Search in a large gallery: time, memory, and what an index finds of what the exact search finds.

    python benchmarks/gallery.py --people 100000 --each 10 --index exact faiss

People are points in a space of ``--dimensions`` dimensions, a sequence is its person's point and noise, and
each part of an embedding shows that space by a random matrix of its own. The noise is chosen so that the
nearest sequence is of the right person in 90 to 95 % of the searches. Each phase is a process of its own, so
that its memory can be told. A million sequences of 16 x 256 numbers of 16 bits take 8 GB of disk, which are
given back at the end.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.config import build
from gait_plugins.core.galleries.entries import Entry
from gait_plugins.core.galleries.search import RowVectors, identify_in, ranked
from gait_plugins.core.galleries.store import Gallery
from gait_plugins.core.tools.embeddings import Embeddings, Origin

ORIGIN = Origin("made-up/Model", "0" * 64, (64, 44))
BLOCK = 4096


class World:
    """Made-up people; the same for the same options."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.people, self.each, self.noise = options.people, options.each, options.noise
        self.dimensions, (self.parts, self.channels) = options.dimensions, options.shape
        drawn = np.random.default_rng(0)
        shape = (self.dimensions, self.parts * self.channels)
        self.views = drawn.normal(size=shape).astype(np.float32) / np.float32(np.sqrt(self.channels))

    def points(self, people: np.ndarray, seed: int) -> np.ndarray:
        """Where these people's sequences lie, float32 ``[n, dimensions]``; one sequence for each entry."""
        centres = np.stack(
            [np.random.default_rng((1, int(who))).normal(size=self.dimensions) for who in people]
        )
        return (centres + self.noise * np.random.default_rng((2, seed)).normal(size=centres.shape)).astype(
            np.float32
        )

    def embeddings(self, points: np.ndarray) -> np.ndarray:
        """What a model would make of them, float32 ``[n, c, p]``."""
        return (points @ self.views).reshape(len(points), self.parts, self.channels).transpose(0, 2, 1)

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Numbers of the people and points of the gallery, a block at a time."""
        for start in range(0, self.people * self.each, BLOCK):
            who = np.arange(start, min(start + BLOCK, self.people * self.each)) // self.each
            yield who, self.points(who, start)

    def probes(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the people and points of probes."""
        who = np.random.default_rng(3).choice(self.people, count, replace=False)
        return who, self.points(who, 10**9)


def chosen_noise(options: argparse.Namespace) -> float:
    """The noise with which about 92 % of the probes are nearest to their own person, as points."""
    low, high = 0.05, 2.0
    for _ in range(7):
        options.noise = (low + high) / 2
        world = World(options)
        who, probes = world.probes(256)
        best, found = np.full(len(who), np.inf), np.zeros(len(who), np.int64)
        for people, points in world.blocks():
            distances = (points**2).sum(1) - 2 * probes @ points.T
            nearest = distances.argmin(1)
            value = distances[np.arange(len(who)), nearest]
            found = np.where(value < best, people[nearest], found)
            best = np.minimum(value, best)
        right = float((found == who).mean())
        if 0.905 <= right <= 0.945:
            break
        low, high = (options.noise, high) if right > 0.925 else (low, options.noise)
    return float(options.noise)


def fill(world: World, folder: Path, dtype: str) -> dict[str, Any]:
    """Enroll everybody."""
    count = 0
    with Gallery.make(folder, ORIGIN, (world.channels, world.parts), dtype) as gallery:
        for who, points in world.blocks():
            entries = [Entry(f"{p:07d}", f"{p:07d}-{count + i}", "nm-01", "090") for i, p in enumerate(who)]
            count += gallery.add(entries, world.embeddings(points))
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    return {"sequences": count, "bytes": sizes}


def search(world: World, folder: Path, name: str, probes: int) -> dict[str, Any]:
    """Search for probes by an index; a single one too."""
    who, points = world.probes(probes)
    texts = np.array([f"{p:07d}" for p in who])
    sought = Embeddings(world.embeddings(points), texts, texts, texts, texts, ORIGIN)
    with Gallery(folder) as gallery:
        start = time.perf_counter()
        if name == "exact":
            answers = identify_in(gallery, sought, top=5)
            found: dict[str, Any] = {"seconds": time.perf_counter() - start}
            named = [answer.matches[0].sequence for answer in answers]
            start = time.perf_counter()
            identify_in(gallery, sought.rows([0]), top=5)
            found["seconds_one"] = time.perf_counter() - start
        else:
            rows = gallery.rows()
            vectors = RowVectors(gallery, rows)
            index = build("index", {"type": name})
            index.build(vectors, "euc")
            found = {"seconds_build": time.perf_counter() - start}
            start = time.perf_counter()
            places = [row[0][0] for row in ranked(vectors, sought.embeddings, index, "euc", 5)]
            found["seconds"] = time.perf_counter() - start
            entries = [gallery.entry(int(rows.ids[place])) for place in places]
            named = [entry.name for entry in entries if entry]
    right = [sequence.partition("-")[0] == person for sequence, person in zip(named, texts, strict=True)]
    return {**found, "probes": probes, "rank1": float(np.mean(right)), "named": named}


def phase(options: argparse.Namespace, folder: Path, name: str) -> dict[str, Any]:
    """Run one phase in a process of its own; its figures, with its time and its largest memory."""
    words = [sys.executable, __file__, *sys.argv[1:], "--noise", str(options.noise), "--phase", name]
    done = subprocess.run([*words, "--folder", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--shape", type=int, nargs=2, default=(16, 256), metavar=("PARTS", "CHANNELS"))
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--noise", type=float)
    parser.add_argument("--dtype", default="float16")
    parser.add_argument("--probes", type=int, default=256)
    parser.add_argument("--index", nargs="+", default=["exact"])
    parser.add_argument("--folder", type=Path, help="where the gallery lies meanwhile")
    parser.add_argument("--phase", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phase:
        start = time.perf_counter()
        world = World(options)
        place = options.folder / "gallery"
        if options.phase == "noise":
            found = {"noise": chosen_noise(options)}
        elif options.phase == "fill":
            found = fill(world, place, options.dtype)
        else:
            found = search(world, place, options.phase, options.probes)
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({**found, "seconds_all": time.perf_counter() - start, "GiB": round(used, 2)}))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        if options.noise is None:
            options.noise = 0.0
            options.noise = phase(options, folder, "noise")["noise"]
        print(json.dumps({"noise": options.noise}), flush=True)
        print(json.dumps({"phase": "fill", **phase(options, folder, "fill")}), flush=True)
        exact: list[str] = []
        for name in options.index:
            found = phase(options, folder, name)
            named = found.pop("named")
            exact = named if name == "exact" else exact
            if exact and name != "exact":
                found["recall"] = float(np.mean([a == b for a, b in zip(named, exact, strict=True)]))
            print(json.dumps({"phase": name, **found}), flush=True)


if __name__ == "__main__":
    main()
