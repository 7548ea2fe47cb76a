"""CCPG's protocols: changes of clothes, scored as gait recognition and as person re-identification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict

import numpy as np

from gait_plugins.api import EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import DataError
from gait_plugins.metrics import (
    Metric,
    RetrievalScores,
    distance_chunks,
    same_identity_and_camera,
    score_ranking,
)
from gait_plugins.plugins.zoo.protocols import figures
from gait_plugins.plugins.zoo.protocols.indoor_rules import IndoorRule
from gait_plugins.plugins.zoo.protocols.indoor_split import IndoorSplit


class Condition(TypedDict):
    """The types of a condition's probes and gallery."""

    probe: list[str]
    gallery: list[str]


_CONDITIONS: dict[str, Condition] = {
    "CL": {"probe": ["U0_D0_BG", "U0_D0"], "gallery": ["U1_D1", "U2_D2", "U3_D3"]},
    "UP": {"probe": ["U3_D3"], "gallery": ["U0_D3"]},
    "DN": {"probe": ["U1_D0"], "gallery": ["U1_D1"]},
    "BG": {"probe": ["U0_D0_BG"], "gallery": ["U0_D0"]},
}
"""Other clothes, another upper part, another lower part, a bag."""

_REID = ("R1", "mAP", "mINP")


class CCPGProtocol(Protocol):
    """Both protocols of CCPG, for changed clothes (CL), tops (UP), trousers (DN) and a bag (BG).

    A view is named by what stands before the first underscore. *Gait*: every probe view meets every
    gallery view; Rank-1 with and without the pairs of identical views, and for each angle. Each pair is
    rounded to two decimals before the mean, as the published figures are; the unrounded means are in
    ``details``; a probe without its identity in the gallery is a miss. *ReID*: one gallery of all views,
    from which a probe's own identity seen from its own view is taken out; Rank-1, mAP and mINP of the
    probes that have a match left.

    Source: OpenGait's ``evaluate_CCPG``; Li et al., An In-Depth Exploration of Person Re-Identification
    and Gait Recognition in Cloth-Changing Conditions, section 3.3.

    Args:
        metric: distance of two parts: ``euc`` (Euclidean) or ``cos`` (1 - cosine).
        conditions: for data of another naming: condition as reported -> types of its probes (``probe``)
            and of its gallery (``gallery``).
    """

    def __init__(self, metric: Metric = "euc", conditions: dict[str, Condition] | None = None) -> None:
        self.metric = metric
        self.conditions = conditions or _CONDITIONS

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"conditions": {"BG": {"probe": ["bg-01", "bg-02"], "gallery": ["nm-01"]}}}

    def check(self, data: EmbeddingSet) -> None:
        self._splits(data)

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Score; raises ``DataError`` where no condition has both probes and gallery."""
        splits = self._splits(data)
        found = {name: _score(split, self.metric) for name, split in splits.items()}
        gait = {name: _gait_figures(pairs) for name, (pairs, _) in found.items()}
        reid = {name: _reid_figures(scores) for name, (_, scores) in found.items()}
        metrics, unrounded = {}, {}
        for column, suffix in enumerate(("", "-any-view")):
            for name, (rounded, exact) in gait.items():
                metrics[f"{name}@R1{suffix}"] = rounded[column]
                unrounded[f"{name}@R1{suffix}"] = exact[column]
        for column, figure in enumerate(_REID):
            metrics |= {f"ReID-{name}@{figure}": values[column] for name, values in reid.items()}
        first = next(iter(splits.values()))
        taken = {role: {int(p) for s in splits.values() for p in getattr(s, role)} for role in _ROLES}
        return Results(
            protocol=f"evaluate_CCPG: gait (each probe view against each view) and ReID ({self.metric})",
            dataset=data.dataset_name,
            metrics={name: value for name, value in metrics.items() if not np.isnan(value)},
            probes=len(taken["probes"]),
            gallery=len(taken["gallery"]),
            probes_without_match=len({int(p) for s in splits.values() for p in _missing(s)}),
            tables=(_gait_table(gait), _reid_table(reid), _angle_table(first.views, found)),
            details={
                "views": first.views,
                "unrounded": {name: value for name, value in unrounded.items() if not np.isnan(value)},
                "matrices": {name: figures.plain(pairs) for name, (pairs, _) in found.items()},
                "per_view": {name: figures.plain(_by_view(pairs)) for name, (pairs, _) in found.items()},
                "reid_without_match": {name: scores.without_match for name, (_, scores) in found.items()},
            },
            notes=tuple(self._notes(splits, found)),
        )

    def _splits(self, data: EmbeddingSet) -> dict[str, IndoorSplit]:
        """Probes and gallery of the conditions that the data has."""
        views = np.array([str(view).split("_")[0] for view in data.views], dtype=str)
        seen = replace(data, views=views)
        splits = {}
        for name, types in self.conditions.items():
            if np.isin(data.types, types["probe"]).any() and np.isin(data.types, types["gallery"]).any():
                rule = IndoorRule({name: tuple(types["probe"])}, tuple(types["gallery"]))
                splits[name] = IndoorSplit(seen, rule)
        if not splits:
            wanted = [t for types in self.conditions.values() for t in (*types["probe"], *types["gallery"])]
            raise DataError(
                f"the test sequences of {data.dataset_name} have no condition with probes and gallery "
                f"({', '.join(self.conditions)}): their types are {figures.some(data.types)}, "
                f"expected {figures.some(wanted)}",
                hint="name the type folders as CCPG does, or give your own rule: evaluator_cfg.conditions: "
                "{BG: {probe: [bg-01], gallery: [nm-01]}}",
            )
        return splits

    def _notes(
        self, splits: Mapping[str, IndoorSplit], found: Mapping[str, tuple[np.ndarray, RetrievalScores]]
    ) -> list[str]:
        lacking = [name for name in self.conditions if name not in splits]
        notes = [f"{name} is left out: the data lacks its probes or its gallery" for name in lacking]
        for name, split in splits.items():
            notes += [f"{name}: {note}" for note in split.notes(len(_missing(split)))]
            without = found[name][1].without_match
            if without:
                notes.append(f"{name}: ReID does not score probes without a match in another view: {without}")
        return notes


_ROLES = ("probes", "gallery")


def _score(split: IndoorSplit, metric: Metric) -> tuple[np.ndarray, RetrievalScores]:
    """Rank-1 of each pair of views, percent ``[n_view, n_view]``, and the scores of re-identification."""
    data, probes, gallery = split.data, split.probes, split.gallery
    probe_codes, gallery_codes = split.codes
    exclude = same_identity_and_camera(probe_codes, gallery_codes, data.views[probes], data.views[gallery])
    first, scores = [], []
    for rows, distances in distance_chunks(*split.embeddings, metric):
        first.append(split.first_matches(rows, distances))
        scores.append(score_ranking(distances, probe_codes[rows], gallery_codes, exclude=exclude(rows)))
    (condition,) = split.conditions
    pairs = split.accuracies(np.concatenate(first), condition)[0]
    return pairs, RetrievalScores.joined(scores)


def _missing(split: IndoorSplit) -> np.ndarray:
    """Probes whose identity the gallery does not hold, as positions in the test set."""
    return split.probes[~np.isin(*split.codes)]


def _by_view(pairs: np.ndarray) -> np.ndarray:
    """Mean of each probe view over the other views."""
    return figures.row_means(np.round(pairs, 2), leave_out_diagonal=True)


def _gait_figures(pairs: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Rank-1 without and with identical views: of rounded pairs, and exact."""
    rounded, exact = (
        (
            figures.mean_of_known(figures.row_means(matrix, leave_out_diagonal=True)),
            figures.mean_of_known(matrix),
        )
        for matrix in (np.round(pairs, 2), pairs)
    )
    return rounded, exact


def _reid_figures(scores: RetrievalScores) -> tuple[float, ...]:
    return tuple(100 * value for value in (scores.rank(1), scores.mAP, scores.mINP))


def _gait_table(gait: Mapping[str, tuple[tuple[float, float], tuple[float, float]]]) -> Table:
    rows = ("identical views excluded", "identical views included")
    figures_of = {row: [rounded[k] for rounded, _ in gait.values()] for k, row in enumerate(rows)}
    return _with_mean("Gait: Rank-1 (%)", gait, figures_of)


def _reid_table(reid: Mapping[str, tuple[float, ...]]) -> Table:
    figures_of = {
        row: [values[k] for values in reid.values()] for k, row in enumerate(("Rank-1", *_REID[1:]))
    }
    return _with_mean("ReID (%): the same identity in the same view excluded", reid, figures_of)


def _angle_table(views: list[str], found: Mapping[str, tuple[np.ndarray, RetrievalScores]]) -> Table:
    angles = {name: _by_view(pairs) for name, (pairs, _) in found.items()}
    rows = tuple(figures.row(name, [*a, figures.mean_of_known(a)]) for name, a in angles.items())
    return Table("Gait: Rank-1 (%) by probe view, identical views excluded", ("", *views, "mean"), rows)


def _with_mean(title: str, names: Mapping[str, Any], rows: Mapping[str, list[float]]) -> Table:
    lines = (figures.row(row, [*v, figures.mean_of_known(np.array(v))]) for row, v in rows.items())
    return Table(title, ("", *names, "mean"), tuple(lines))
