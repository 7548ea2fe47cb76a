"""Protocols of visible-thermal re-identification: direction, mode and trials with each figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gait_plugins.api import EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.metrics import Metric, part_distances
from gait_plugins.plugins.rle.modality import MODALITIES, THERMAL, VISIBLE, example_set
from gait_plugins.plugins.rle.protocols.ranking import Scores, score
from gait_plugins.plugins.rle.protocols.score_labels import (
    BOTH,
    Direction,
    checked_counts,
    deviation,
    direction_of,
    spread,
    trials_in_words,
)
from gait_plugins.plugins.rle.protocols.trials import Mode, Side

RANKS = (1, 5, 10, 20)
_SHOWN = {"R1": "Rank-1", "R10": "Rank-10", "mAP": "mAP", "mINP": "mINP"}
"""What a row has room for; all figures are among the metrics."""
Found = Sequence[tuple[Mode, Side, tuple[list[int], list[Scores]]]]
"""Each mode with its queries, and the gallery sizes and scores of its trials."""


class CrossSpectralProtocol(Protocol):
    """Search for images of one modality among those of the other, over random galleries.

    A trial's gallery holds ``shots`` images of each identity and camera. Figures are the mean over the
    trials with their deviation; the CMC counts each identity once. Queries whose identity the gallery
    lacks are left out and counted.

    Args:
        metric: distance of two embeddings: ``cos`` (1 - cosine) or ``euc``, the mean over parts.
        directions: query and gallery modality.
        shots: gallery images of each identity and camera; 0 takes all, in a single trial.
        trials: number of random galleries.
    """

    title = "evaluate_cross_spectral"

    def __init__(
        self,
        metric: Metric = "cos",
        directions: Sequence[Direction] = BOTH,
        shots: int = 1,
        trials: int = 10,
    ) -> None:
        checked_counts(type(self).title, shots=shots, trials=trials)
        modes = [Mode(**direction_of(d, shots), shots=shots or None) for d in directions]
        self._set(metric, modes, trials if shots else 1)

    def _set(self, metric: Metric, modes: Sequence[Mode], trials: int) -> None:
        if not modes:
            raise ConfigError("nothing to score: every list of modes is empty", where=self.title)
        self.metric: Metric = metric
        self.modes = tuple(modes)
        self.trials = trials

    @classmethod
    def example_data(cls) -> EmbeddingSet:
        return example_set(("cam1", "cam2", "cam4", "cam5"), ("cam3", "cam6"))

    def check(self, data: EmbeddingSet) -> None:
        for mode in self.modes:
            queries, candidates = mode.queries(data), mode.candidates(data)
            if not np.isin(queries.ids, candidates.ids).any():
                raise DataError(
                    f"{mode.name}: no query shares its identity with a gallery image",
                    hint="test identities must have images in both modalities",
                )

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Score; raises ``DataError`` where a modality or a camera that is asked for is missing."""
        self.check(data)
        found = [(mode, mode.queries(data), self._trials(mode, data)) for mode in self.modes]
        metrics: dict[str, float] = {}
        details: dict[str, Any] = {}
        rows: list[tuple[str, ...]] = []
        for mode, queries, (sizes, scores) in found:
            figures = {name: [s.figures(RANKS)[name] for s in scores] for name in scores[0].figures(RANKS)}
            metrics |= {f"{mode.key}@{name}": float(np.mean(values)) for name, values in figures.items()}
            details[mode.key] = {
                "mode": mode.name,
                "trials": len(scores),
                "queries": len(queries.rows),
                "gallery": sizes,
                "deviation": {name: deviation(values) for name, values in figures.items()},
                "each trial": figures,
            }
            counts = (str(len(scores)), f"{len(queries.rows)} / {sizes[0]}")
            rows.append((mode.name, *counts, *(spread(figures[name]) for name in _SHOWN)))
        heads = ("Search", "Trials", "Queries / gallery", *_SHOWN.values())
        first = found[0]
        without = first[2][1][0].without_match
        return Results(
            protocol=self._words(),
            dataset=data.dataset_name,
            metrics=metrics,
            probes=len(first[1].rows),
            gallery=first[2][0][0],
            probes_without_match=without,
            tables=(Table("Figures (%), mean ± deviation over the trials", heads, tuple(rows)),),
            details=details,
            notes=tuple(self._notes(data, found)),
        )

    def _words(self) -> str:
        modes = "; ".join(mode.name for mode in self.modes)
        return f"{self.title}: {modes}; {trials_in_words(self.trials)} each ({self.metric})"

    def _trials(self, mode: Mode, data: EmbeddingSet) -> tuple[list[int], list[Scores]]:
        """Gallery sizes and scores of all trials."""
        queries, candidates = mode.queries(data), mode.candidates(data)
        galleries = [mode.drawn(candidates, trial) for trial in range(self.trials)]
        used = np.unique(np.concatenate([gallery.rows for gallery in galleries]))
        matrix = part_distances(data.embeddings[queries.rows], data.embeddings[used], self.metric)
        scores = []
        for gallery in galleries:
            columns = np.searchsorted(used, gallery.rows)
            excluded = None if mode.exclude is None else mode.exclude(queries, gallery)
            ids = queries.ids, gallery.ids
            scores.append(score(matrix[:, columns], *ids, exclude=excluded, distinct=mode.distinct))
        return [len(gallery.rows) for gallery in galleries], scores

    def _notes(self, data: EmbeddingSet, found: Found) -> list[str]:
        notes = []
        for mode, _, (_, scores) in found:
            most = max(s.without_match for s in scores)
            if most:
                notes.append(f"{mode.name}: queries without their identity in the gallery, left out: {most}")
        known = {modality: set(data.labels[data.types == modality]) for modality in MODALITIES}
        single = known[VISIBLE] ^ known[THERMAL]
        if single:
            notes.append(f"test identities in one modality only: {len(single)}")
        return notes
