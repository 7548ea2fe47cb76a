"""Sequences a second of a packed file and of folders, in new processes: ``python benchmarks/packed.py``."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tables import Row, table

from gait_plugins import build
from gait_plugins.core.tools.export import write_opengait_layout
from gait_plugins.prepare.pack import pack_dataset
from gait_plugins.prepare.sequences import every_sequence


def read_all(kind: str, root: str, partition: str) -> None:
    """List and load every sequence, and print how long it took."""
    build("dataset", {"type": "walkers"})  # what both need is imported before the clock starts
    options = {"type": kind, "dataset_root": root, "dataset_partition": partition}
    dataset = build("dataset", options)
    began = time.perf_counter()
    refs = dataset.sequences("train") + dataset.sequences("test")
    for ref in refs:
        dataset.load(ref)
    print(len(refs), time.perf_counter() - began)


def rate(kind: str, root: str, partition: str) -> float:
    """Sequences a second of one new process."""
    words = [sys.executable, __file__, "--read", kind, root, partition]
    count, seconds = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return int(count) / float(seconds)


def main() -> None:
    """Compare both on walkers, in turns."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--read", nargs=3)
    options.add_argument("--rounds", type=int, default=7)
    chosen = options.parse_args()
    if chosen.read:
        read_all(*chosen.read)
        return
    with tempfile.TemporaryDirectory() as folder:
        root, file = Path(folder) / "tree", Path(folder) / "packed.npz"
        partition = str(write_opengait_layout(build("dataset", {"type": "walkers"}), root))
        size = pack_dataset(*every_sequence(root), file)
        print(f"packed: 1/{size.pixels / size.bytes:.1f} of the frames as uint8\n")
        places = {"OpenGaitLayout": str(root), "PackedSilhouettes": str(file)}
        rates: dict[str, list[float]] = {kind: [] for kind in places}
        for _ in range(chosen.rounds):
            for kind, place in places.items():
                rates[kind].append(rate(kind, place, partition))
    tree, packed = (statistics.median(rates[kind]) for kind in places)
    print(table([Row("reading, a packed file beside folders", tree, packed, "sequences/s")]))


if __name__ == "__main__":
    main()
