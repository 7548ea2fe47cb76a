"""Places for galleries of both stores, and what lies in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gait_plugins.core.galleries.address import Place
from gait_plugins.core.galleries.contract import GalleryStore

STORES = ("folder", "server")


def place_in(store: str, request: pytest.FixtureRequest) -> Place:
    """A place of that store that nothing is at; skips where a server is wanted and cannot be had."""
    if store == "folder":
        folder: Path = request.getfixturevalue("tmp_path") / "g"
        return folder
    found: Place = request.getfixturevalue("postgres").place()
    return found


def values_of(gallery: GalleryStore) -> dict[str, np.ndarray]:
    """The embedding of each sequence by its name."""
    rows = gallery.rows()
    found = gallery.read(rows, np.arange(len(rows.ids)))
    names = [entry.name for entry in gallery.entries_of(rows.ids) if entry]
    return dict(zip(names, found, strict=True))
