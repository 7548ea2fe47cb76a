"""Galleries of made-up people."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gait_plugins.core.galleries.address import Place
from gait_plugins.core.galleries.contract import GalleryStore
from gait_plugins.core.galleries.entries import Entry
from gait_plugins.core.galleries.stores import make_gallery
from gait_plugins.core.tools.embeddings import Embeddings, Origin

ORIGIN = Origin("a/M", "abc", (64, 44), "made-up")
SHAPE = (8, 3)


def embeddings(people: int, each: int, noise: float = 0.3, seed: int = 0, first: int = 0) -> Embeddings:
    """So many people, ``person-000`` and on, with so many sequences each."""
    drawn = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(first + people, *SHAPE))[first:]
    values = np.repeat(centres, each, 0) + noise * drawn.normal(size=(people * each, *SHAPE))
    labels = np.array([f"person-{first + i // each:03d}" for i in range(people * each)])
    names = np.array([f"{label}-s{seed}-{i % each}" for i, label in enumerate(labels)])
    types = np.array([f"nm-{i % each:02d}" for i in range(people * each)])
    views = np.array(["090"] * len(labels))
    return Embeddings(values.astype(np.float32), labels, types, views, names, ORIGIN)


def entries(data: Embeddings) -> list[Entry]:
    """What a gallery is told of embeddings."""
    columns = (getattr(data, key).tolist() for key in ("labels", "names", "types", "views"))
    return [Entry(*row, "2026-03-31", 30, "film.npy") for row in zip(*columns, strict=True)]


def gallery_of(place: Place, data: Embeddings, dtype: str = "float32") -> GalleryStore:
    """A new gallery of embeddings, open."""
    gallery = make_gallery(place, data.origin, data.embeddings.shape[1:], dtype)
    gallery.add(entries(data), data.embeddings)
    return gallery


def content(folder: Path) -> bytes:
    """Everything that the files of a gallery hold."""
    return b"\0\0".join(path.read_bytes() for path in sorted(folder.iterdir()))
