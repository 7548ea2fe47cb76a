"""The miniature of the second host in a folder of its own, with data for it."""

from __future__ import annotations

import hashlib
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from helpers.files.layout_files import partition, write
from helpers.places import TESTS
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches import load
from upstream_patches.run import pins

MINI = TESTS / "mini_opengait"


def mini(folder: Path) -> Checkout:
    """A copy of the miniature."""
    shutil.copytree(MINI, folder, ignore=shutil.ignore_patterns("__pycache__", "output"))
    return Checkout.find(folder)


def pin(checkout: Checkout, folder: Path, monkeypatch: Any) -> Path:
    """Make the checkout the only pinned version."""
    monkeypatch.setattr(pins, "FOLDER", folder)
    return pins.write(checkout, load(), "miniature")


def write_data(
    root: Path,
    still: bool = False,
    kinds: tuple[str, ...] = ("nm-01", "nm-05"),
    views: tuple[str, ...] = ("090",),
) -> dict[str, str]:
    """Sequences of different lengths of four people; the ``data_cfg`` that finds them.

    Args:
        root: the folder to make.
        still: nobody moves, so that it does not matter which frames are drawn.
        kinds: walking conditions.
        views: camera views.
    """
    names = [f"{i + 1:03d}" for i in range(4)]
    rng = np.random.default_rng(0)
    for i, name in enumerate(names):
        for j, (kind, view) in enumerate(product(kinds, views)):
            shape = (3 + (2 * i + j) % 4, 64, 64)
            frames = rng.integers(0, 2, (1, *shape[1:]) if still else shape, np.uint8) * np.uint8(
                60 * (i + 1)
            )
            write(root / name / kind / view / f"{view}.pkl", np.broadcast_to(frames, shape).copy())
    listed = partition(root.parent / "partition.json", names, names)
    return {"dataset_root": str(root), "dataset_partition": str(listed)}


def write_config(path: Path, data: dict[str, str], **sections: Any) -> Path:
    """A configuration of the miniature."""
    path.write_text(yaml.safe_dump({"data_cfg": data, **sections}))
    return path


def content(checkout: Checkout) -> dict[str, str]:
    """Every file of a checkout but its output, with the sum of what is in it."""
    files = (file for file in checkout.root.rglob("*") if file.is_file())
    named = {file.relative_to(checkout.root).as_posix(): file for file in files}
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for name, file in named.items()
        if not name.startswith("output/")
    }
