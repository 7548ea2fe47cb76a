"""Namer: says who walks in a track, by a model and a gallery, or that nobody knows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from gait_plugins.api.galleries.index import GalleryIndex
from gait_plugins.core.galleries.address import Place
from gait_plugins.core.galleries.calibration import kept_threshold
from gait_plugins.core.galleries.contract import GalleryStore
from gait_plugins.core.galleries.search import identify_in
from gait_plugins.core.galleries.stores import is_file_form, open_gallery
from gait_plugins.core.recognition.looks import embed_tracks
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.tools.embeddings import Embeddings, read_embeddings, require_same_origin
from gait_plugins.core.tools.identification import (
    Answer,
    Match,
    check_gallery,
    check_threshold,
    checked_top,
    identify,
)
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.films.tracks import Track

log = logging.getLogger("gait_plugins")


@dataclass(frozen=True)
class Named:
    """Who a track may be."""

    identity: str | None
    """Whose name it bears; None: unknown."""
    candidates: tuple[Match, ...]
    """The nearest people, the nearest first."""
    threshold: float | None
    """The distance up to which somebody is named; None: there is no such limit."""
    margin: float | None
    """How much farther the second person is than the first; None where the gallery holds one person."""
    embedding: np.ndarray
    """float32 ``[c, p]``."""

    @property
    def distance(self) -> float:
        """To the nearest person."""
        return self.candidates[0].distance

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it, without the embedding."""
        return {
            "identity": self.identity,
            "distance": round(self.distance, 4),
            "threshold": None if self.threshold is None else round(self.threshold, 4),
            "margin": None if self.margin is None else round(self.margin, 4),
            "candidates": [
                {**match._asdict(), "distance": round(match.distance, 4)} for match in self.candidates
            ],
        }


class Namer(AbstractContextManager["Namer"]):
    """Names tracks; holds the gallery open, and sees who is enrolled or removed meanwhile.

    Args:
        embedder: of the model that the gallery was made with.
        gallery: a gallery's folder or address, or a ``.npz`` file of the old form.
        top: candidates of each answer; None: five, or as many as there are people.
        unknown_above: the distance above which a track is unknown; None: what the gallery was calibrated to.
        metric: ``euc`` or ``cos``; None: the configuration's.
        index: what names candidates in a large gallery; None computes every distance.

    Raises:
        CheckpointError: the model may name nobody, or is another one than the gallery's.
        DataError: there is no such gallery, or it is damaged or empty.
        ConfigError: a number is none, or an index is given for a file.
    """

    def __init__(
        self,
        embedder: Embedder,
        gallery: Place,
        *,
        top: int | None = None,
        unknown_above: float | None = None,
        metric: str | None = None,
        index: GalleryIndex | None = None,
    ) -> None:
        check_threshold(unknown_above)
        self.embedder, self.where = embedder, str(gallery)
        self._index = index
        self.metric = embedder.metric(metric)
        """By which embeddings are compared."""
        self._store: GalleryStore | None = None
        self._enrolled: Embeddings | None = None
        if is_file_form(gallery):
            self._enrolled = read_embeddings(gallery)
            people, origin = check_gallery(self._enrolled, self.where), self._enrolled.origin
            if index is not None:
                raise ConfigError(
                    "a gallery in a .npz file is searched without an index",
                    where=self.where,
                    hint=f"gait-plugins gallery convert {gallery} {gallery.with_suffix('.gallery')}",
                )
        else:
            self._store = open_gallery(gallery)
            people, origin = self._store.people, self._store.origin
        try:
            if not people:
                raise DataError(
                    "the gallery is empty: no sequence is enrolled",
                    where=self.where,
                    hint=f"gait-plugins enroll CONFIG DATA --gallery {gallery}",
                )
            self._top = checked_top(top, people, self.where)
            require_same_origin(origin, embedder.origin, self.where)
            embedder.require_trust()
            self.threshold = unknown_above
            """The distance above which a track is unknown; None: the nearest person is always named."""
            if unknown_above is None and self._store is not None:
                self.threshold = kept_threshold(self._store, self.metric)
        except BaseException:
            self.close()
            raise
        if self.threshold is None:
            log.warning(
                "%s has no threshold: everybody bears the name of the nearest person, strangers too; "
                "gait-plugins gallery calibrate finds a threshold",
                self.where,
            )

    def name(self, tracks: Sequence[Track]) -> list[Named]:
        """Who each track may be.

        Args:
            tracks: that became sequences, or parts of them.

        Raises:
            ConfigError: the model takes what films do not give.
            DataError: the gallery is empty or damaged, or an embedding is NaN or infinite.
        """
        return self.find(self.embed(tracks)) if tracks else []

    def embed(self, tracks: Sequence[Track]) -> Embeddings:
        """An embedding of each track; see :func:`~.looks.embed_tracks`."""
        return embed_tracks(self.embedder, tracks)

    def find(self, probes: Embeddings) -> list[Named]:
        """Who each embedding may be of; see :meth:`name`."""
        answers = self._answers(probes)
        return [self._named(*each) for each in zip(answers, probes.embeddings, strict=True)]

    def _answers(self, probes: Embeddings) -> list[Answer]:
        if self._enrolled is not None:
            top = min(max(2, self._top), len(set(self._enrolled.labels.tolist())))
            return identify(
                probes,
                self._enrolled,
                top=top,
                metric=self.metric,
                unknown_above=self.threshold,
                where=self.where,
            )
        assert self._store is not None
        return identify_in(
            self._store,
            probes,
            top=min(max(2, self._top), max(1, self._store.people)),
            metric=self.metric,
            unknown_above=self.threshold,
            index=self._index,
        )

    def _named(self, answer: Answer, embedding: np.ndarray) -> Named:
        near = answer.matches
        margin = near[1].distance - near[0].distance if len(near) > 1 else None
        return Named(answer.identity, near[: self._top], self.threshold, margin, embedding)

    def close(self) -> None:
        """Close the gallery."""
        if self._store is not None:
            self._store.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
