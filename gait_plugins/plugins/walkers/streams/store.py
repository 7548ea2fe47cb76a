"""Storage of the streams: made for one walk after the other, kept in caches of their own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.io.ragged import Frames, Ragged, joined
from gait_plugins.plugins.walkers.cache import Cache
from gait_plugins.plugins.walkers.streams.declared import KINDS
from gait_plugins.plugins.walkers.streams.scene import Scene, Shot
from gait_plugins.plugins.walkers.telling import making

SIZES = "-sizes"
"""What a file's name ends in that holds the number of rows of ragged frames, int64 ``[view, t]``."""


class Store:
    """The streams of all walks on disk: a folder for each stream, a file for each walk with all its views.

    Args:
        root: folder of all caches.
        names: the streams.
        views: the views.
        options: all else that a walk depends on, of :class:`Scene`.
        generator: version of what is made of a walk.
    """

    def __init__(
        self,
        root: Path,
        names: Iterable[str],
        views: Sequence[str],
        options: Mapping[str, Any],
        generator: int,
    ) -> None:
        self.views = list(views)
        self.options = dict(options)
        shared = {"generator": generator, "views": self.views, **self.options}
        self._caches = {
            name: Cache(root, {"stream": name, "version": KINDS[name].version, **shared}, keep=False)
            for name in names
        }

    def generate(self, walks: Sequence[tuple[int, str]]) -> None:
        """Make what is missing of these walks (number, kind); as much of one as possible at a time."""
        missing = {walk: self._missing(*walk) for walk in walks}
        missing = {walk: names for walk, names in missing.items() if names}
        if not missing:
            return
        frames = len(self.views) * int(self.options["frames"])
        made = ", ".join(name for name in self._caches if any(name in names for names in missing.values()))
        with making(made, len(missing) * frames) as advance:
            order = list(missing)
            # Each process has an order of its own, and finds made what others made meanwhile.
            for turn in np.random.default_rng(os.getpid()).permutation(len(order)):
                number, kind = order[turn]
                for name, arrays in self._make(number, kind, self._missing(number, kind)).items():
                    for ending, array in arrays.items():
                        self._caches[name].put(_file(number, kind) + ending, array)
                advance(frames)

    def load(self, name: str, number: int, kind: str, view: str) -> Frames:
        """One stream of a walk seen from one view, in memory of its own."""
        row = self.views.index(view)
        if not KINDS[name].stream.ragged:
            return np.array(self._array(name, number, kind, "")[row])
        sizes = self._array(name, number, kind, SIZES)
        start, count = int(sizes[:row].sum()), int(sizes[row].sum())
        values = np.array(self._array(name, number, kind, "")[start : start + count])
        return Ragged(values, np.concatenate([[0], np.cumsum(sizes[row])]))

    def _array(self, name: str, number: int, kind: str, ending: str) -> np.ndarray:
        return self._caches[name].get(
            _file(number, kind) + ending, lambda: self._make(number, kind, [name])[name][ending]
        )

    def _missing(self, number: int, kind: str) -> list[str]:
        return [
            name
            for name, cache in self._caches.items()
            if not all(cache.exists(_file(number, kind) + ending) for ending in _endings(name))
        ]

    def _make(self, number: int, kind: str, names: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
        """Arrays of all views by stream and by the ending of their file."""
        scene = Scene(number=number, kind=kind, **self.options)
        made: dict[str, list[Frames]] = {name: [] for name in names}
        for view in self.views:
            # Streams of a shot share what several of them need.
            shot = Shot(scene, view)
            for name in names:
                made[name].append(KINDS[name].make(shot))
        return {name: _arrays(name, frames) for name, frames in made.items()}


def _arrays(name: str, views: list[Frames]) -> dict[str, np.ndarray]:
    if not KINDS[name].stream.ragged:
        return {"": np.stack([view for view in views if isinstance(view, np.ndarray)])}
    ragged = [view for view in views if isinstance(view, Ragged)]
    return {"": joined(ragged).values, SIZES: np.stack([view.sizes for view in ragged])}


def _endings(name: str) -> tuple[str, ...]:
    return ("", SIZES) if KINDS[name].stream.ragged else ("",)


def _file(number: int, kind: str) -> str:
    return f"{number:03d}-{kind}"
