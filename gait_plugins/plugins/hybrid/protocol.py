"""Re-identification of frames: the published protocol, and two that exclude near-copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gait_plugins.api import EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import DataError
from gait_plugins.metrics import Metric, RetrievalScores, retrieve, same_identity_and_camera

Exclusion = Callable[[slice], np.ndarray]


class Rule(NamedTuple):
    """Who does not count as found."""

    name: str
    words: str
    exclude: Callable[[EmbeddingSet], Exclusion]


def _itself(data: EmbeddingSet) -> Exclusion:
    positions = np.arange(len(data))
    return lambda rows: positions[rows, None] == positions


def _own_sequence(data: EmbeddingSet) -> Exclusion:
    sequence = _sequences(data)
    return lambda rows: sequence[rows, None] == sequence


def _own_view(data: EmbeddingSet) -> Exclusion:
    return same_identity_and_camera(data.labels, data.labels, data.views, data.views)


PUBLISHED = Rule("frames", "the same frame left out (as published)", _itself)
DISJOINT = Rule("disjoint", "the frames of the same sequence left out", _own_sequence)
CROSS_VIEW = Rule("cross-view", "the person's frames of the same view left out", _own_view)


class FramesProtocol(Protocol):
    """Every frame is a probe against all other frames, by three rules; Rank-1, mAP and mINP of each.

    *frames*: the same frame is left out. The next frame of the same walk, all but a copy, is a match: this
    published figure says little about recognition. *disjoint*: the frames of the same sequence are left
    out. *cross-view*: the person's frames of the same view are left out. Probes without a match are not
    scored; they are counted.

    Source: Torres and Canto, Un enfoque híbrido: gait-based person Re-ID, 2025 (*frames*).

    Args:
        metric: distance of two embeddings: ``euc`` (Euclidean) or ``cos`` (1 - cosine).
        pool: average the frames of each sequence first: sequences are compared, and *frames* and
            *disjoint* are one rule.
        published_ap: parity with the published mAP of *frames*: the left-out frame still counts as a
            match, found last of all.
    """

    def __init__(self, metric: Metric = "euc", pool: bool = False, published_ap: bool = False) -> None:
        self.metric = metric
        self.pool = pool
        self.published_ap = published_ap

    def check(self, data: EmbeddingSet) -> None:
        labels, counts = np.unique(_pooled(data).labels if self.pool else data.labels, return_counts=True)
        if len(labels) < 2:
            raise DataError(
                f"the test set of {data.dataset_name} holds {len(labels)} identity: every match "
                "would be correct",
                where="evaluator_cfg",
                hint="put at least two identities into TEST_SET",
            )
        if counts.max() < 2:
            unit = "sequence" if self.pool else "frame"
            raise DataError(
                f"no identity of {data.dataset_name} has a second {unit} to match",
                where="evaluator_cfg",
                hint=f"the test set needs several {unit}s per identity",
            )

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Score; raises ``DataError`` where there is one identity only, or nobody is seen twice."""
        self.check(data)
        if self.pool:
            data = _pooled(data)
        rules = (DISJOINT, CROSS_VIEW) if self.pool else (PUBLISHED, DISJOINT, CROSS_VIEW)
        found = {rule: self._scores(data, rule) for rule in rules}
        metrics: dict[str, float] = {}
        rows, notes = [], []
        for rule, scores in found.items():
            if not scores.matched.any():
                notes.append(f"{rule.name}: no probe has a match, {rule.words}")
                continue
            figures = self._figures(scores, rule, data)
            metrics |= {f"{rule.name}@{name}": value for name, value in figures.items()}
            scored = str(int(scores.matched.sum()))
            rows.append((f"{rule.name}: {rule.words}", scored, *(f"{v:.2f}" for v in figures.values())))
            if scores.without_match:
                notes.append(f"{rule.name}: probes without a match, not scored: {scores.without_match}")
        unit = "sequences (frames averaged)" if self.pool else "frames"
        return Results(
            protocol=f"evaluate_frames: each of the {unit} against all others ({self.metric})",
            dataset=data.dataset_name,
            metrics=metrics,
            probes=len(data),
            gallery=len(data) - 1,
            probes_without_match=found[rules[0]].without_match,
            tables=(Table("Figures (%)", ("", "probes", "R1", "mAP", "mINP"), tuple(rows)),),
            notes=tuple(notes),
        )

    def _scores(self, data: EmbeddingSet, rule: Rule) -> RetrievalScores:
        embeddings, labels = data.embeddings, data.labels
        return retrieve(
            embeddings, embeddings, labels, labels, metric=self.metric, exclude=rule.exclude(data)
        )

    def _figures(self, scores: RetrievalScores, rule: Rule, data: EmbeddingSet) -> dict[str, float]:
        mean_ap, first = scores.mAP, scores.rank(1)
        if self.published_ap and rule is PUBLISHED:
            mean_ap, first = published_figures(scores, data.labels)
        return {"R1": 100 * first, "mAP": 100 * mean_ap, "mINP": 100 * scores.mINP}


def published_figures(scores: RetrievalScores, labels: np.ndarray) -> tuple[float, float]:
    """mAP and Rank-1 in [0, 1] as published: the probe itself is a match, and the last one of the list.

    Args:
        scores: of every sample against all others.
        labels: identities ``[n]``.
    """
    _, person, counts = np.unique(labels, return_inverse=True, return_counts=True)
    matches = counts[person.reshape(-1)] - 1
    precision = np.nan_to_num(scores.average_precision) * matches
    average = (precision + (matches + 1) / len(labels)) / (matches + 1)
    return float(average.mean()), scores.rank(1, count_unmatched=True)


def _sequences(data: EmbeddingSet) -> np.ndarray:
    """The number of each frame's sequence, int64 ``[n]``."""
    names = [f"{i}/{kind}/{view}" for i, kind, view in zip(data.labels, data.types, data.views, strict=True)]
    _, number = np.unique(names, return_inverse=True)
    found: np.ndarray = number.reshape(-1)
    return found


def _pooled(data: EmbeddingSet) -> EmbeddingSet:
    """One embedding a sequence: the mean of its frames'."""
    sequence = _sequences(data)
    _, first, counts = np.unique(sequence, return_index=True, return_counts=True)
    summed = np.zeros((len(first), *data.embeddings.shape[1:]), np.float32)
    np.add.at(summed, sequence, data.embeddings)
    return replace(
        data,
        embeddings=summed / counts.astype(np.float32).reshape(-1, *[1] * (summed.ndim - 1)),
        labels=data.labels[first],
        types=data.types[first],
        views=data.views[first],
        outputs={},
        targets={},
    )
