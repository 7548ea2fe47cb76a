"""Modes of a cross-spectral protocol, and the random galleries of their trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np

from gait_plugins.api import EmbeddingSet
from gait_plugins.errors import DataError
from gait_plugins.plugins.rle.modality import Modality, cameras_of

Exclude = Callable[["Side", "Side"], np.ndarray]
"""From queries and gallery to the pairs that are taken out, bool ``[q, g]``."""


class Side(NamedTuple):
    """Some images: their positions in the set, identities and cameras."""

    rows: np.ndarray
    ids: np.ndarray
    cameras: np.ndarray

    def of(self, chosen: list[int]) -> Side:
        """Some of them, by position."""
        return Side(self.rows[chosen], self.ids[chosen], self.cameras[chosen])


@dataclass(frozen=True)
class Mode:
    """One way to search: who is sought among whom."""

    name: str
    """In words, with the direction (``thermal to visible, all search, single-shot``)."""
    key: str
    """Short, for the figures' names (``T2V all 1-shot``)."""
    query: Modality
    gallery: Modality
    query_cameras: tuple[str, ...] | None = None
    gallery_cameras: tuple[str, ...] | None = None
    """In the order in which trials draw from them; None means all, sorted."""
    shots: int | None = None
    """Gallery images of each identity and camera, drawn for each trial; None means all of them."""
    exclude: Exclude | None = None
    distinct: bool = True
    """The CMC counts identities, not images."""

    def queries(self, data: EmbeddingSet) -> Side:
        """The images that are sought for."""
        return self._side(data, self.query, self.query_cameras, "query")

    def candidates(self, data: EmbeddingSet) -> Side:
        """The images that trials take their gallery from, by identity, camera and image."""
        return self._side(data, self.gallery, self.gallery_cameras, "gallery")

    def _side(
        self, data: EmbeddingSet, modality: Modality, cameras: tuple[str, ...] | None, role: str
    ) -> Side:
        seen = cameras_of(data.views)
        rows = np.flatnonzero(data.types == modality)
        if cameras is not None:
            rows = rows[np.isin(seen[rows], cameras)]
        if not len(rows):
            asked = modality if cameras is None else f"{modality}, camera {', '.join(cameras)}"
            raise DataError(
                f"{self.name}: no {role} image found ({asked}); the test images are of "
                f"{', '.join(sorted(set(data.types))) or 'nothing'}",
                hint="a sequence's type is its modality (visible, thermal), its view <camera>:<image>; "
                "check that the test folders of both modalities exist",
            )
        rows = rows[np.lexsort((data.views[rows], data.labels[rows]))]
        return Side(rows, data.labels[rows], seen[rows])

    def drawn(self, candidates: Side, trial: int) -> Side:
        """The gallery of a trial.

        Drawn as the published code draws: Python's generator seeded by the trial's number, identity
        after identity and camera after camera, so that the galleries are the very same.
        """
        if self.shots is None:
            return candidates
        random = Random(trial)
        cameras = self.gallery_cameras or tuple(sorted(set(candidates.cameras)))
        places: dict[tuple[str, str], list[int]] = {}
        for place, key in enumerate(zip(candidates.ids, candidates.cameras, strict=True)):
            places.setdefault(key, []).append(place)
        chosen: list[int] = []
        for identity in dict.fromkeys(candidates.ids):
            for camera in cameras:
                images = places.get((identity, camera), [])
                if images and self.shots == 1:
                    chosen.append(random.choice(images))
                elif images:
                    chosen += random.sample(images, min(self.shots, len(images)))
        return candidates.of(chosen)
