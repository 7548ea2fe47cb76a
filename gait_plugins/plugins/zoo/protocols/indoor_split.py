"""Probes and gallery of an indoor data set, by condition and view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gait_plugins.api import EmbeddingSet, Results, Table
from gait_plugins.errors import DataError
from gait_plugins.metrics import NO_MATCH, RetrievalScores, Rows, first_match
from gait_plugins.plugins.zoo.protocols import figures
from gait_plugins.plugins.zoo.protocols.indoor_rules import IndoorRule


class IndoorSplit:
    """What a rule makes of the test sequences.

    Args:
        data: the embedded test set.
        rule: its probe and gallery conditions.

    Raises:
        DataError: no probes, no gallery, or a single view.
    """

    def __init__(self, data: EmbeddingSet, rule: IndoorRule) -> None:
        self.data = data
        self.rule = rule
        self.views = [str(view) for view in np.unique(data.views) if view not in rule.ignored_views]
        seen = np.isin(data.views, self.views)
        members = {condition: rule.is_probe(data.types, condition) & seen for condition in rule.probes}
        self.conditions = [condition for condition, member in members.items() if member.any()]
        self.gallery = np.flatnonzero(rule.is_gallery(data.types) & seen)
        self.probes = np.flatnonzero(np.any([*members.values(), np.zeros(len(data), bool)], axis=0))
        self._members = {condition: member[self.probes] for condition, member in members.items()}
        self._check()

    def _check(self) -> None:
        found = figures.some(self.data.types)
        for role, positions, wanted in (
            ("a probe", self.probes, [t for types in self.rule.probes.values() for t in types]),
            ("in the gallery", self.gallery, self.rule.gallery),
        ):
            if not len(positions):
                raise DataError(
                    f"no test sequence of {self.data.dataset_name} is {role}: their types are {found}, "
                    f"expected {figures.some(wanted)}",
                    hint="set data_cfg.test_dataset_name to the data set whose naming the sequences follow, "
                    "or give evaluator_cfg.probe_types and evaluator_cfg.gallery_types",
                )

    @property
    def embeddings(self) -> tuple[Rows, Rows]:
        """Those of the probes and of the gallery."""
        return Rows(self.data.embeddings, self.probes), Rows(self.data.in_gallery, self.gallery)

    @cached_property
    def probe_view(self) -> np.ndarray:
        """Number of each probe's view, ``[n_probe]``."""
        return np.searchsorted(self.views, self.data.views[self.probes])

    @cached_property
    def gallery_by_view(self) -> list[np.ndarray]:
        """Positions within the gallery of each view's sequences, in order."""
        views = self.data.views[self.gallery]
        return [np.flatnonzero(views == view) for view in self.views]

    @cached_property
    def codes(self) -> tuple[np.ndarray, np.ndarray]:
        """Identities of probes and gallery as numbers."""
        _, codes = np.unique(self.data.labels, return_inverse=True)
        codes = codes.reshape(-1)
        return codes[self.probes], codes[self.gallery]

    def first_matches(self, rows: slice, distances: Tensor) -> np.ndarray:
        """Rank of the first match of some probes in the gallery of each view, int64 ``[m, n_view]``.

        Args:
            rows: which of the probes.
            distances: theirs to the whole gallery, ``[m, n_gallery]``.
        """
        probe_codes, gallery_codes = (torch.from_numpy(codes) for codes in self.codes)
        match = (probe_codes[rows, None] == gallery_codes).to(distances.device)
        first = np.full((len(distances), len(self.views)), NO_MATCH, np.int64)
        for view, positions in enumerate(self.gallery_by_view):
            columns = torch.from_numpy(positions).to(distances.device)
            first[:, view] = first_match(distances[:, columns], match[:, columns]).cpu().numpy()
        return first

    def is_of(self, condition: str) -> np.ndarray:
        """Which of the probes are of a condition, bool ``[n_probe]``."""
        return self._members[condition]

    def probes_of(self, condition: str) -> list[np.ndarray]:
        """Positions within the probes of a condition's sequences, by view."""
        member = self._members[condition]
        return [np.flatnonzero(member & (self.probe_view == view)) for view in range(len(self.views))]

    def accuracies(self, first: np.ndarray, condition: str) -> np.ndarray:
        """Rank-1 .. of each probe view in each gallery view, percent ``[ranks, n_view, n_view]``.

        NaN where a view has no probes of the condition, or no gallery.
        """
        empty = np.array([not len(positions) for positions in self.gallery_by_view])
        result = np.full((self.rule.ranks, len(self.views), len(self.views)), np.nan)
        for view, probes in enumerate(self.probes_of(condition)):
            if len(probes):
                for rank in range(self.rule.ranks):
                    found = (first[probes] <= rank).sum(axis=0)
                    result[rank, view] = np.where(empty, np.nan, found * 100 / len(probes))
        return result

    def scores_by_view(self, scores: RetrievalScores, condition: str) -> np.ndarray:
        """Rank-1 (unmatched probes are misses) and mAP of each probe view, percent ``[2, n_view]``."""
        by_view = [scores.of(probes) for probes in self.probes_of(condition)]
        accuracy = [part.rank(1, count_unmatched=True) for part in by_view]
        return 100 * np.array([accuracy, [part.mAP for part in by_view]])

    def has_pairs(self, condition: str) -> bool:
        """True where a probe of the condition meets a gallery of another view."""
        probed = {view for view, probes in enumerate(self.probes_of(condition)) if len(probes)}
        filled = {view for view, positions in enumerate(self.gallery_by_view) if len(positions)}
        return any(probe != gallery for probe in probed for gallery in filled)

    def require_pairs(self, known: Sequence[str]) -> None:
        """Raise ``DataError`` where no probe can meet a gallery of another view."""
        if not known:
            raise DataError(
                f"no probe of {self.data.dataset_name} has a gallery sequence of another view: this "
                f"protocol leaves identical views out, and the only views are {figures.some(self.views)}",
                hint="for data of a single view use evaluator_cfg.eval_func: evaluate_own_data, or list the "
                "probes in the partition (PROBE_SET) and use evaluate_Gait3D",
            )

    def table(self, title: str, by_view: Mapping[str, np.ndarray], means: Mapping[str, float]) -> Table:
        """Rows of conditions, columns of probe views and the mean."""
        rows = (figures.row(condition, [*by_view[condition], means[condition]]) for condition in means)
        return Table(title, ("", *self.views, "mean"), tuple(rows))

    def results(
        self,
        protocol: str,
        metrics: Mapping[str, float],
        tables: Sequence[Table],
        details: Mapping[str, Any],
    ) -> Results:
        """The figures with the counts and notes of this split."""
        without = int((~np.isin(*self.codes)).sum())
        return Results(
            protocol=protocol,
            dataset=self.data.dataset_name,
            metrics=metrics,
            probes=len(self.probes),
            gallery=len(self.gallery),
            probes_without_match=without,
            tables=tuple(tables),
            details={"views": self.views, **details},
            notes=tuple(self.notes(without)),
        )

    def notes(self, without: int) -> list[str]:
        """What the data lacks, and how many probes count as misses."""
        notes = []
        for condition, types in self.rule.probes.items():
            by_view = self.probes_of(condition)
            lacking = [view for view, probes in zip(self.views, by_view, strict=True) if not len(probes)]
            if len(lacking) == len(self.views):
                notes.append(f"{condition} is left out: the data has no probes of {', '.join(types)}")
            elif lacking:
                notes.append(
                    f"{condition} has no probes of view {', '.join(lacking)}: its mean leaves them out"
                )
        unseen = [v for v, own in zip(self.views, self.gallery_by_view, strict=True) if not len(own)]
        if unseen:
            notes.append(f"the gallery has no sequences of view {', '.join(unseen)}: left out")
        if without:
            notes.append(
                f"probes that count as misses because the gallery does not hold their identity: {without}"
            )
        return notes
