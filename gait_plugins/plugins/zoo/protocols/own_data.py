"""A configurable protocol for your own data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Literal

import numpy as np

from gait_plugins.api import Compared, EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.metrics import Metric, RetrievalScores, Rows, retrieve
from gait_plugins.plugins.zoo.protocols import figures
from gait_plugins.plugins.zoo.protocols.pairs import Pairs
from gait_plugins.plugins.zoo.protocols.selection import Selection

CROSS_VIEW = "cross-view@Rank-1"
"""The figure of probes that meet other views alone, in percent."""


class OwnDataProtocol(Protocol):
    """Rank-k, mAP and mINP of probes and a gallery that you choose.

    Probes and gallery are chosen by type, by view, by a list of names, or by several of these together.
    Where only one of the two is chosen, the other is all the rest; where neither is, every sequence is
    a probe against all others (leave-one-out). A sequence may be both; it never meets itself. Probes
    that have no match in their gallery are not scored; they are counted.

    Where the gallery has several views, ``cross-view@Rank-1`` and the row ``cross-view`` say how well people
    are found from another direction than they are known from: the probes of each view meet the gallery of
    each other view alone, and the figures are the means over these pairs of views.

    Args:
        metric: distance of two parts: ``euc`` (Euclidean) or ``cos`` (1 - cosine).
        probe_types: types of the probes; ``*`` stands for any text (``[bg-*, cl-*]``).
        probe_views: views of the probes, likewise.
        probe_list: names ``id-type-view``; or a file of them, one a line or a JSON list; or
            ``partition`` for the ``PROBE_SET`` of the data set's partition; ``partition_or_all`` is the
            same, but counts as not given, with a note in the results, where there is no ``PROBE_SET``.
        gallery_types: types of the gallery.
        gallery_views: views of the gallery.
        gallery_list: names or a file, or ``partition`` (or ``partition_or_all``) for what its
            ``PROBE_SET`` does not list.
        identical_views: false excludes gallery sequences of the probe's person in the probe's view.
        ranks: the k of Rank-k.
        by: also show the figures of each ``type`` or ``view`` of probes.
    """

    def __init__(
        self,
        metric: Metric = "euc",
        probe_types: list[str] | None = None,
        probe_views: list[str] | None = None,
        probe_list: list[str] | str | None = None,
        gallery_types: list[str] | None = None,
        gallery_views: list[str] | None = None,
        gallery_list: list[str] | str | None = None,
        identical_views: bool = True,
        ranks: Sequence[int] = (1, 5, 10),
        by: Literal["type", "view"] | None = None,
    ) -> None:
        if not ranks or min(ranks) < 1:
            raise ConfigError(
                f"ranks is {list(ranks)}, expected numbers of at least 1", where="evaluator_cfg"
            )
        self.metric = metric
        self.probe = Selection("probe", probe_types, probe_views, probe_list)
        self.gallery = Selection("gallery", gallery_types, gallery_views, gallery_list)
        self.identical_views = identical_views
        self.ranks = tuple(ranks)
        self.by = by

    def check(self, data: EmbeddingSet) -> None:
        self._settled(data)._pairs(data)

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Score; raises ``DataError`` without probes, gallery or any match."""
        return self._settled(data)._results(data)

    def compared(self, data: EmbeddingSet) -> Compared:
        pairs = self._settled(data)._pairs(data)
        groups = self._groups(data, pairs.probes)
        return Compared(pairs.probes, pairs.gallery, pairs.exclusion(), conditions=groups)

    def _settled(self, data: EmbeddingSet) -> OwnDataProtocol:
        """The same for data whose partition is known."""
        settled = copy(self)
        settled.probe, settled.gallery = self.probe.settled(data), self.gallery.settled(data)
        return settled

    def _results(self, data: EmbeddingSet) -> Results:
        pairs = self._pairs(data)
        scores = retrieve(
            Rows(data.embeddings, pairs.probes),
            Rows(data.in_gallery, pairs.gallery),
            data.labels[pairs.probes],
            data.labels[pairs.gallery],
            metric=self.metric,
            exclude=pairs.exclusion(),
        )
        groups = self._groups(data, pairs.probes)
        found = {name: self._figures(scores.of(members)) for name, members in groups.items()}
        metrics = self._figures(scores)
        rows = [_row("all", scores, metrics)]
        rows += [_row(name, scores.of(members), found[name]) for name, members in groups.items()]
        pairs_of_views = self._across_views(pairs)
        across = _means([self._figures(each) for each in pairs_of_views])
        details: dict[str, Any] = {f"by_{self.by}": found} if self.by else {}
        if across:
            details["cross_view"] = across
            rows.append(("cross-view", "-", *figures.row("", across.values())[1:]))
        return Results(
            protocol=f"evaluate_own_data: {self._words()} ({self.metric})",
            dataset=data.dataset_name,
            metrics=metrics | _means([{CROSS_VIEW: 100 * each.rank(1)} for each in pairs_of_views]),
            probes=int(scores.matched.sum()),
            gallery=len(pairs.gallery),
            probes_without_match=scores.without_match,
            tables=(Table("Figures (%)", ("", "probes", *metrics), tuple(rows)),),
            details=details,
            notes=tuple(self._notes(data, pairs, scores.without_match)),
        )

    def _pairs(self, data: EmbeddingSet) -> Pairs:
        everyone = np.ones(len(data), bool)
        chosen_probes = self.probe.mask(data) if self.probe else None
        chosen_gallery = self.gallery.mask(data) if self.gallery else None
        if chosen_probes is None:
            chosen_probes = everyone if chosen_gallery is None else ~chosen_gallery
        if chosen_gallery is None:
            chosen_gallery = ~chosen_probes if self.probe else everyone
        pairs = Pairs(
            data, np.flatnonzero(chosen_probes), np.flatnonzero(chosen_gallery), self.identical_views
        )
        for role, rest, positions in (
            ("probe", "gallery", pairs.probes),
            ("gallery", "probe", pairs.gallery),
        ):
            if not len(positions):
                raise DataError(
                    f"no {role} sequence is left: all {len(data)} test sequences of {data.dataset_name} are "
                    f"chosen as {rest}",
                    where="evaluator_cfg",
                    hint=f"choose fewer by {rest}_types, {rest}_views or {rest}_list, or set {role}_types, "
                    f"{role}_views or {role}_list",
                )
        if not pairs.matches().any():
            raise self._no_match(pairs)
        return pairs

    def _no_match(self, pairs: Pairs) -> DataError:
        kept = Pairs(pairs.data, pairs.probes, pairs.gallery, identical_views=True)
        counts = f"none of the {len(pairs.probes)} probes of {pairs.data.dataset_name} has its identity in"
        if not self.identical_views and kept.matches().any():
            return DataError(
                f"{counts} the gallery once identical views are left out; the views are "
                f"{figures.some(pairs.data.views)}",
                where="evaluator_cfg",
                hint="set identical_views: true to keep them",
            )
        return DataError(
            f"{counts} the gallery of {len(pairs.gallery)}: a person needs a probe and another sequence",
            where="evaluator_cfg",
            hint="choose probes and gallery that share identities; gait-plugins data check counts them",
        )

    def _across_views(self, pairs: Pairs) -> list[RetrievalScores]:
        """The scores of each view's probes in the gallery of each other view; none where it has one view."""
        return [
            scores.of(scores.matched)
            for probes, gallery in pairs.across_views()
            if (scores := self._retrieved(pairs.data, probes, gallery)).matched.any()
        ]

    def _retrieved(self, data: EmbeddingSet, probes: np.ndarray, gallery: np.ndarray) -> RetrievalScores:
        return retrieve(
            Rows(data.embeddings, probes),
            Rows(data.in_gallery, gallery),
            data.labels[probes],
            data.labels[gallery],
            metric=self.metric,
        )

    def _groups(self, data: EmbeddingSet, probes: np.ndarray) -> dict[str, np.ndarray]:
        """Name of a group -> which of the probes belong to it."""
        if self.by is None:
            return {}
        of_probe = (data.types if self.by == "type" else data.views)[probes]
        return {str(name): of_probe == name for name in np.unique(of_probe)}

    def _figures(self, scores: RetrievalScores) -> dict[str, float]:
        ranked = {f"Rank-{k}": 100 * scores.rank(k) for k in self.ranks}
        return ranked | {"mAP": 100 * scores.mAP, "mINP": 100 * scores.mINP}

    def _words(self) -> str:
        if not self.probe and not self.gallery:
            who = "leave-one-out, each sequence against all others"
        else:
            probes, gallery = (s.words() or "all others" for s in (self.probe, self.gallery))
            who = f"probes {probes}; gallery {gallery}"
        return f"{who}; identical views {'kept' if self.identical_views else 'left out'}"

    def _notes(self, data: EmbeddingSet, pairs: Pairs, without: int) -> list[str]:
        notes = [*self.probe.notes(data), *self.gallery.notes(data)]
        if without:
            left = "" if self.identical_views else ", identical views left out"
            notes.append(f"probes not scored because their gallery holds no match{left}: {without}")
        if len(np.unique(data.labels[pairs.gallery])) == 1:
            notes.append("the gallery holds a single identity: its probes always match")
        return notes


def _row(name: str, scores: RetrievalScores, found: dict[str, float]) -> tuple[str, ...]:
    head, *rest = figures.row(name, found.values())
    return (head, str(int(scores.matched.sum())), *rest)


def _means(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each figure; nothing of nothing."""
    return {name: float(np.mean([each[name] for each in found])) for name in found[0]} if found else {}
