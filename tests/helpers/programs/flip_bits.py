"""Damages checkpoints and a packed file in many ways and counts what goes unnoticed.

python tests/helpers/programs/flip_bits.py [--checkpoints 1500] [--packed 500] [--seed 0]

Prints a table: kind of file, kind of damage, how many were tried, told, harmless (nothing that is read has
changed), silent. The exit code is 1 where any was silent.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gait_plugins import build
from gait_plugins.core.checkpoints.files import load_checkpoint
from gait_plugins.core.tools.export import write_opengait_layout
from gait_plugins.errors import CheckpointError, DataError, GaitPluginsError
from gait_plugins.io.dataset_file import PackedFile
from gait_plugins.prepare.pack import pack_dataset
from gait_plugins.prepare.sequences import every_sequence
from helpers.damage import Damage, directory_bits, flipped, outcomes, spread, truncated, zeroed
from helpers.files.checkpoint_files import KINDS

MOST = 200
"""Blocks, cuts and bits of a directory that are tried of a file."""


def frames_of(path: Path) -> dict[Any, Any]:
    """All that is used of a packed file."""
    file = PackedFile(str(path))
    return {(file.name(row), file.length(row)): file.load(row) for row in range(len(file))}


def damages(content: bytes, bits: int, seed: int) -> dict[str, Iterable[Damage]]:
    """Every kind of damage."""
    directory = directory_bits(content)
    blocks = list(zeroed(content))
    return {
        "flipped bit": flipped(content, spread(content, bits, seed)),
        "zeroed 4 KiB": blocks[:: max(1, len(blocks) // MOST)],
        "cut off": truncated(content, MOST, seed),
        "directory bit": flipped(content, directory[seed % 7 :: max(1, len(directory) // MOST)]),
    }


def campaign(
    title: str, path: Path, bits: int, seed: int, read: Callable[[Path], Any], errors: type[GaitPluginsError]
) -> Counter[str]:
    """Try every kind of damage on a file, and print a row for each."""
    total: Counter[str] = Counter()
    for kind, tries in damages(path.read_bytes(), bits, seed).items():
        found = outcomes(path, tries, read, errors)
        total += found
        row = (found.total(), found["told"], found["harmless"], found["nameless"], found["silent"])
        print(
            f"{title:30} {path.stat().st_size:>10,} {kind:14}", *(f"{count:>8}" for count in row), flush=True
        )
    return total


def main() -> int:
    """Make the files, and damage them."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("checkpoints", 1500), ("packed", 500), ("seed", 0)):
        options.add_argument(f"--{name}", type=int, default=default)
    chosen = options.parse_args()
    heads = ("tried", "told", "harmless", "nameless", "silent")
    print(f"{'file':30} {'bytes':>10} {'damage':14}", *(f"{head:>8}" for head in heads))
    total: Counter[str] = Counter()
    shares = [chosen.checkpoints * n // len(KINDS) for n in range(len(KINDS) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        for (title, make), (low, high) in zip(KINDS.items(), itertools.pairwise(shares), strict=True):
            path = Path(folder) / "a.pt"
            make(path)
            total += campaign(title, path, high - low, chosen.seed, load_checkpoint, CheckpointError)
        root, file = Path(folder) / "tree", Path(folder) / "packed.npz"
        people = {"type": "walkers", "train": 4, "test": 2, "views": ["000", "090"], "cache_dir": folder}
        write_opengait_layout(build("dataset", people), root)
        pack_dataset(*every_sequence(root), file)
        total += campaign("packed data, format 2", file, chosen.packed, chosen.seed, frames_of, DataError)
    print(f"{total.total()} tried, {total['silent']} silent, {total['nameless']} without the file's name")
    return 1 if total["silent"] or total["nameless"] else 0


if __name__ == "__main__":
    sys.exit(main())
