"""Search in a gallery: an index names candidates, which are ranked by their exact distances."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gait_plugins.api.galleries.index import GalleryIndex, StoredVectors
from gait_plugins.config import build
from gait_plugins.core.galleries.contract import GalleryStore, Rows
from gait_plugins.core.runtime.component_errors import errors_of
from gait_plugins.core.tools.embeddings import Embeddings, require_same_origin
from gait_plugins.core.tools.identification import Answer, Match, checked_top
from gait_plugins.errors import ComponentFailure, DataError
from gait_plugins.metrics import Metric, paired_distances

AT_ONCE = 256
"""Probes that go through a gallery together."""
_TRIES = 5

Ranked = list[tuple[int, float]]
"""Places in the rows of a gallery and their distances, the nearest first, each person once."""


class RowVectors(StoredVectors):
    """The embeddings of a gallery at one moment; each is compared with its checksum when it is first read."""

    def __init__(self, gallery: GalleryStore, rows: Rows, *, verify: bool = True) -> None:
        self.shape = gallery.shape
        self.people = rows.people
        self._gallery, self._rows = gallery, rows
        self._unread = np.full(len(rows.people), verify)

    def take(self, places: np.ndarray) -> np.ndarray:
        verify = bool(self._unread[places].any())
        found = self._gallery.read(self._rows, places, verify=verify)
        self._unread[places] = False
        return found


def identify_in(
    gallery: GalleryStore,
    probes: Embeddings,
    *,
    top: int | None = None,
    metric: Metric = "euc",
    unknown_above: float | None = None,
    index: GalleryIndex | None = None,
) -> list[Answer]:
    """The nearest people of a gallery for each sequence.

    Args:
        gallery: of enrolled people.
        probes: sequences of any people.
        top: people to tell of each; None: five, or as many as there are.
        metric: ``euc`` or ``cos``.
        unknown_above: a sequence is unknown where the nearest person is farther away.
        index: names the candidates; None computes every distance.

    Raises:
        CheckpointError: the two were made with another model or checkpoint, or of other frames.
        DataError: the gallery is empty or damaged, or embeddings have another shape or are NaN; or people
            were removed again and again while it was searched.
        ConfigError: ``top`` is more than there are people.
    """
    where = gallery.where
    if not len(gallery):
        raise DataError(
            "the gallery is empty: no sequence is enrolled",
            where=where,
            hint=f"gait-plugins enroll CONFIG DATA --gallery {where}",
        )
    require_same_origin(gallery.origin, probes.origin, where)
    top = checked_top(top, gallery.people, where)
    check_probes(probes, gallery)
    index = index or build("index", {})
    for _ in range(_TRIES):
        rows = gallery.rows()
        answers = list(
            _answers(gallery, rows, probes, index, metric, min(top, len(set(rows.people.tolist()))))
        )
        # Whoever was removed meanwhile, whatever was read there, changes an answer only by being named.
        if all(answers):
            known = [unknown_above is None or found[0].distance <= unknown_above for found in answers]
            named = zip(probes.names.tolist(), known, answers, strict=True)
            return [Answer(name, is_known, found) for name, is_known, found in named]
    raise DataError(
        f"people were removed from the gallery {_TRIES} times while it was searched",
        where=where,
        hint="search again when the removing is over",
    )


def check_probes(probes: Embeddings, gallery: GalleryStore) -> None:
    """See that probes can be compared with a gallery.

    Raises:
        DataError: they have another shape, or are NaN or infinite.
    """
    if probes.embeddings.shape[1:] != gallery.shape:
        ours, theirs = gallery.shape, probes.embeddings.shape[1:]
        raise DataError(
            f"the gallery holds embeddings of {ours[0]} channels x {ours[1]} parts, the probes have "
            f"{' x '.join(map(str, theirs))}",
            where=gallery.where,
            hint="embed the probes with the model that the gallery was made with",
        )
    broken = np.flatnonzero(~np.isfinite(probes.embeddings).all((1, 2)))
    if len(broken):
        raise DataError(
            f"{len(broken)} of {len(probes)} embeddings are NaN or infinite, the first of "
            f"{probes.names[broken[0]]}",
            where="identify",
            hint="use an earlier checkpoint, or full precision: -o evaluator_cfg.precision=32-true",
        )


def ranked(
    vectors: StoredVectors, probes: np.ndarray, index: GalleryIndex, metric: Metric, top: int
) -> Iterator[Ranked]:
    """The nearest people of each probe, each by the nearest of its candidates; the index is built already.

    Args:
        vectors: of the gallery; not empty.
        probes: float32 ``[m, c, p]``.
        index: names the candidates.
        metric: by which they are ranked.
        top: how many people, at most as many as there are.

    Raises:
        ComponentFailure: the index names places that there are not.
    """
    for start in range(0, len(probes), AT_ONCE):
        some = probes[start : start + AT_ONCE]
        waiting, count = np.arange(len(some)), top
        found: dict[int, Ranked] = {}
        while len(waiting):
            with errors_of(index):
                named = index.candidates(some[waiting], count)
            _check_candidates(named, len(waiting), count, len(vectors), index)
            for row, candidates in zip(waiting.tolist(), named, strict=True):
                found[row] = _by_distance(vectors, some[row], candidates, metric)[:top]
            # Several candidates may be of one person: then more are asked for.
            waiting = np.array([row for row in waiting.tolist() if len(found[row]) < top], np.int64)
            if count >= len(vectors):
                break
            count = min(4 * count, len(vectors))
        yield from (found[row] for row in range(len(some)))


def _answers(
    gallery: GalleryStore, rows: Rows, probes: Embeddings, index: GalleryIndex, metric: Metric, top: int
) -> Iterator[tuple[Match, ...]]:
    vectors = RowVectors(gallery, rows)
    if not len(vectors):
        raise DataError("the gallery is empty: everybody was removed meanwhile", where=gallery.where)
    with errors_of(index):
        index.build(vectors, metric)
    for places in ranked(vectors, probes.embeddings, index, metric, top):
        if not places:
            raise ComponentFailure(f"{type(index).__name__} names no candidate at all for a probe")
        entries = gallery.entries_of(rows.ids[[place for place, _ in places]])
        matches = [
            Match(entry.person, distance, entry.name)
            for entry, (_, distance) in zip(entries, places, strict=True)
            if entry is not None
        ]
        if len(matches) < len(places):  # somebody was removed meanwhile
            yield ()
            return
        yield tuple(matches)


def _by_distance(vectors: StoredVectors, probe: np.ndarray, candidates: np.ndarray, metric: Metric) -> Ranked:
    """Candidates by their exact distances, each person once, by its nearest sequence."""
    places = np.unique(candidates[candidates >= 0])  # a filler is nobody
    values = np.concatenate([probe[None], vectors.take(places)])
    others = np.arange(1, len(values))
    distances = paired_distances(values, np.zeros_like(others), others, metric)
    nearest: dict[int, tuple[int, float]] = {}
    for i in np.argsort(distances, kind="stable").tolist():
        nearest.setdefault(int(vectors.people[places[i]]), (int(places[i]), float(distances[i])))
    return list(nearest.values())


def _check_candidates(found: np.ndarray, probes: int, count: int, size: int, index: GalleryIndex) -> None:
    name = type(index).__name__
    is_whole = isinstance(found, np.ndarray) and found.dtype.kind == "i" and found.ndim == 2
    if not is_whole or found.shape[0] != probes or found.shape[1] < min(count, size):
        raise ComponentFailure(
            f"{name} returns {getattr(found, 'dtype', type(found).__name__)} {list(np.shape(found))} as "
            f"candidates, expected int64 [{probes}, {count} or more]"
        )
    if found.size and (found.max() >= size or found.min() < -1):
        raise ComponentFailure(
            f"{name} names the places {found.min()} to {found.max()} of a gallery of {size} sequences"
        )
