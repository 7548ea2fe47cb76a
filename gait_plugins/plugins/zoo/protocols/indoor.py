"""The indoor protocols (CASIA-B, OU-MVLP, CASIA-E, SUSTech1K), with matches of the same view left out."""

from __future__ import annotations

from functools import partial

import numpy as np

from gait_plugins.api import Compared, EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import ConfigError
from gait_plugins.metrics import Metric, distance_chunks, retrieve, same_identity_and_camera
from gait_plugins.plugins.zoo.protocols import figures
from gait_plugins.plugins.zoo.protocols.indoor_rules import CROSS_VIEW, SINGLE_VIEW, IndoorRule
from gait_plugins.plugins.zoo.protocols.indoor_split import IndoorSplit
from gait_plugins.suggest import did_you_mean


class IndoorProtocol(Protocol):
    """Cross-view identification per walking condition, identical views left out.

    Every probe view meets every gallery view; the Rank-1 accuracies of a probe view are averaged over
    the other gallery views, then over probe views. Accuracies are rounded to two decimals before they
    are averaged, as the published figures are; the unrounded means are in ``details``. Conditions and
    pairs of views that the data lacks are left out and noted. A probe whose identity the gallery lacks
    counts as a miss.

    Source: OpenGait's ``evaluate_indoor_dataset``; the cross-view gallery: Hou et al., A Comprehensive
    Study on the Evaluation of Silhouette-based Gait Recognition.

    Args:
        metric: distance of two parts: ``euc`` (Euclidean) or ``cos`` (1 - cosine).
        cross_view_gallery: one gallery of all views at once, from which the probe's own person in the
            probe's view is taken out; Rank-1 and mAP per probe view.
        probe_types: for data of your own: condition as reported -> types of its probes.
        gallery_types: for data of your own: types of the gallery.
    """

    def __init__(
        self,
        metric: Metric = "euc",
        cross_view_gallery: bool = False,
        probe_types: dict[str, list[str]] | None = None,
        gallery_types: list[str] | None = None,
    ) -> None:
        if (probe_types is None) != (gallery_types is None):
            raise ConfigError("probe_types and gallery_types belong together: give both or neither")
        self.metric = metric
        self.cross_view_gallery = cross_view_gallery
        self.rule: IndoorRule | None = None
        if probe_types is not None and gallery_types is not None:
            self.rule = IndoorRule({k: tuple(v) for k, v in probe_types.items()}, tuple(gallery_types))

    def check(self, data: EmbeddingSet) -> None:
        split = self._split(data)
        split.require_pairs([condition for condition in split.conditions if split.has_pairs(condition)])

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Score; raises ``ConfigError`` for an unknown data set, ``DataError`` for one without pairs."""
        split = self._split(data)
        return self._all_views_at_once(split) if self.cross_view_gallery else self._view_by_view(split)

    def compared(self, data: EmbeddingSet) -> Compared:
        split = self._split(data)
        probes, gallery = split.probes, split.gallery
        views = data.views[probes], data.views[gallery]
        if self.cross_view_gallery:
            labels = data.labels[probes], data.labels[gallery]
            left_out = same_identity_and_camera(*labels, *views)
        else:
            left_out = partial(_of_one_view, *views)
        return Compared(
            probes,
            gallery,
            left_out,
            view_by_view=not self.cross_view_gallery,
            unmatched_are_misses=True,
            conditions={name: split.is_of(name) for name in split.conditions},
        )

    def _split(self, data: EmbeddingSet) -> IndoorSplit:
        return IndoorSplit(data, self.rule or self._known_rule(data.dataset_name))

    def _known_rule(self, dataset: str) -> IndoorRule:
        rules = CROSS_VIEW if self.cross_view_gallery else SINGLE_VIEW
        if dataset in rules:
            return rules[dataset]
        meant = did_you_mean(dataset, rules)
        kind = "cross-view gallery rule" if self.cross_view_gallery else "probe and gallery rule"
        raise ConfigError(
            f"evaluate_indoor_dataset has no {kind} for data set {dataset!r}, only for "
            f"{'; '.join(filter(None, (', '.join(rules), meant)))}",
            hint="set data_cfg.test_dataset_name to the one whose naming your sequences follow, or give "
            "your own evaluator_cfg.probe_types ({NM: [nm-05]}) and evaluator_cfg.gallery_types ([nm-01])",
        )

    def _view_by_view(self, split: IndoorSplit) -> Results:
        first = self._first_matches(split)
        exact = {condition: split.accuracies(first, condition) for condition in split.conditions}
        by_view = {condition: _mean_by_view(np.round(a, 2)) for condition, a in exact.items()}
        known = [condition for condition in split.conditions if not np.isnan(by_view[condition]).all()]
        split.require_pairs(known)
        metrics, unrounded, matrices, per_view = {}, {}, {}, {}
        for rank in range(split.rule.ranks):
            for condition in known:
                name = f"{condition}@R{rank + 1}"
                metrics[name] = figures.mean_of_known(by_view[condition][rank])
                unrounded[name] = figures.mean_of_known(_mean_by_view(exact[condition])[rank])
                matrices[name] = figures.plain(exact[condition][rank])
                per_view[name] = figures.plain(by_view[condition][rank])
        title = "Rank-1 (%) by probe view, identical views excluded"
        rank_1 = {condition: metrics[f"{condition}@R1"] for condition in known}
        tables = [split.table(title, {c: by_view[c][0] for c in known}, rank_1)]
        if split.rule.ranks > 1:
            tables.append(_rank_table(known, split.rule.ranks, metrics))
        return split.results(
            f"evaluate_indoor_dataset: each probe view against each other view ({self.metric})",
            metrics,
            tables,
            {"unrounded": unrounded, "per_view": per_view, "matrices": matrices},
        )

    def _first_matches(self, split: IndoorSplit) -> np.ndarray:
        """Rank of each probe's first match in the gallery of each view, int64 ``[n_probe, n_view]``."""
        probes, gallery = split.embeddings
        chunks = distance_chunks(probes, gallery, self.metric)
        return np.concatenate([split.first_matches(rows, distances) for rows, distances in chunks])

    def _all_views_at_once(self, split: IndoorSplit) -> Results:
        data, probes, gallery = split.data, split.probes, split.gallery
        labels = data.labels[probes], data.labels[gallery]
        scores = retrieve(
            *split.embeddings,
            *labels,
            metric=self.metric,
            exclude=same_identity_and_camera(*labels, data.views[probes], data.views[gallery]),
        )
        exact = {condition: split.scores_by_view(scores, condition) for condition in split.conditions}
        known = [condition for condition in split.conditions if not np.isnan(exact[condition][1]).all()]
        split.require_pairs(known)
        by_view = {condition: np.round(exact[condition], 2) for condition in known}
        metrics, unrounded, per_view = {}, {}, {}
        for condition in known:
            for number, figure in enumerate(("Rank@1", "mAP")):
                name = f"{condition}-{figure}"
                metrics[name] = figures.mean_of_known(by_view[condition][number])
                unrounded[name] = figures.mean_of_known(exact[condition][number])
                per_view[name] = figures.plain(by_view[condition][number])
        tables = [
            split.table(
                f"{title} (%) by probe view",
                {condition: by_view[condition][number] for condition in known},
                {condition: metrics[f"{condition}-{figure}"] for condition in known},
            )
            for number, (title, figure) in enumerate((("Rank-1", "Rank@1"), ("mAP", "mAP")))
        ]
        return split.results(
            "evaluate_indoor_dataset: each probe view against all views at once, without the probe's own "
            f"person in the probe's view ({self.metric})",
            metrics,
            tables,
            {"unrounded": unrounded, "per_view": per_view},
        )


def _of_one_view(probe_views: np.ndarray, gallery_views: np.ndarray, rows: slice) -> np.ndarray:
    """Pairs of identical views, bool ``[m, n_gallery]``."""
    return np.asarray(probe_views[rows, None] == gallery_views)


def _mean_by_view(accuracies: np.ndarray) -> np.ndarray:
    """Mean of each probe view over the other gallery views, ``[ranks, n_view]``."""
    return np.stack([figures.row_means(matrix, leave_out_diagonal=True) for matrix in accuracies])


def _rank_table(conditions: list[str], ranks: int, metrics: dict[str, float]) -> Table:
    heads = tuple(f"R{rank + 1}" for rank in range(ranks))
    rows = tuple(figures.row(c, [metrics[f"{c}@{head}"] for head in heads]) for c in conditions)
    return Table(f"Rank-1 to Rank-{ranks} (%), identical views excluded", ("", *heads), rows)
