"""Protocols of listed probes against all other test sequences: Gait3D, FreeGait, CCGR-MINI."""

from __future__ import annotations

import numpy as np

from gait_plugins.api import Compared, EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import DataError
from gait_plugins.metrics import Metric, Rows, retrieve
from gait_plugins.plugins.zoo.protocols import figures

_RANKS = (1, 5, 10)


class Gait3DProtocol(Protocol):
    """Rank-1, Rank-5, Rank-10, mAP and mINP of the probes that the partition lists.

    Probes are the sequences named ``id-type-view`` in the partition's ``PROBE_SET``; all other test
    sequences are the gallery, and none of them is left out. Probes whose identity the gallery lacks
    are not scored; they are counted.

    Source: OpenGait's ``evaluate_Gait3D``; Zheng et al., Gait Recognition in the Wild with Dense 3D
    Representations and A Benchmark, section 4.1.

    Args:
        metric: distance of two parts: ``euc`` (Euclidean) or ``cos`` (1 - cosine).
    """

    name = "evaluate_Gait3D"
    listed = "PROBE_SET"
    """What the data set's partition lists."""

    def __init__(self, metric: Metric = "euc") -> None:
        self.metric = metric

    def check(self, data: EmbeddingSet) -> None:
        self._split(data)

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Score; raises ``DataError`` without listed probes, gallery or matches."""
        is_probe, absent = self._split(data)
        labels = data.labels[is_probe], data.labels[~is_probe]
        embeddings = (
            Rows(data.embeddings, np.flatnonzero(is_probe)),
            Rows(data.in_gallery, np.flatnonzero(~is_probe)),
        )
        scores = retrieve(*embeddings, *labels, metric=self.metric)
        metrics = {f"Rank-{k}": 100 * scores.rank(k) for k in _RANKS}
        metrics |= {"mAP": 100 * scores.mAP, "mINP": 100 * scores.mINP}
        return Results(
            protocol=f"{self.name}: listed probes against all other sequences ({self.metric})",
            dataset=data.dataset_name,
            metrics=metrics,
            probes=int(scores.matched.sum()),
            gallery=len(labels[1]),
            probes_without_match=scores.without_match,
            tables=(Table("Figures (%)", ("", *metrics), (figures.row("all", metrics.values()),)),),
            details={"listed_probes_absent": absent},
            notes=tuple(_notes(scores.without_match, absent)),
        )

    def compared(self, data: EmbeddingSet) -> Compared:
        is_probe, _ = self._split(data)
        return Compared(np.flatnonzero(is_probe), np.flatnonzero(~is_probe))

    def _split(self, data: EmbeddingSet) -> tuple[np.ndarray, int]:
        """Which sequences are probes, bool ``[n]``, and how many listed ones the data lacks."""
        is_probe, absent = self._probes(data)
        labels = data.labels[is_probe], data.labels[~is_probe]
        if not len(labels[1]):
            raise DataError(
                f"all {len(data)} test sequences of {data.dataset_name} are probes; the gallery is empty",
                hint=f"{self.listed} of the partition must leave some sequences of each test identity for "
                "the gallery",
            )
        if not np.isin(*labels).any():
            raise DataError(
                f"no identity of the {len(labels[0])} probes of {data.dataset_name} is in the gallery",
                hint=f"{self.listed} of the partition must leave at least one sequence of each probe's "
                "identity for the gallery",
            )
        return is_probe, absent

    def _probes(self, data: EmbeddingSet) -> tuple[np.ndarray, int]:
        if not data.probe_set:
            raise DataError(
                f"{self.name} needs the list of probes, but the partition of {data.dataset_name} has none",
                hint=f'add "{self.listed}": ["<id>-<type>-<view>", ...] to the JSON of '
                "data_cfg.dataset_partition (gait-plugins data partition ROOT -O FILE --probes 1 draws "
                "probes), or score without a list: evaluator_cfg.eval_func=evaluate_own_data",
            )
        parts = zip(data.labels, data.types, data.views, strict=True)
        names = [f"{label}-{kind}-{view}" for label, kind, view in parts]
        is_probe = np.array([name in data.probe_set for name in names], bool)
        if not is_probe.any():
            raise DataError(
                f"none of the {len(data.probe_set)} probes that the partition lists is a test sequence: "
                f"listed are {figures.some(data.probe_set, 3)}; the data hold {figures.some(names, 3)}",
                hint=f"write the entries of {self.listed} as <id>-<type>-<view>, from the folders' names",
            )
        return is_probe, len(data.probe_set - set(names))


class FreeGaitProtocol(Gait3DProtocol):
    """Rank-1, Rank-5, Rank-10, mAP and mINP of the probes that FreeGait's partition lists.

    The rule is that of ``evaluate_Gait3D``. Source: OpenGait's ``evaluate_FreeGait``.

    Args:
        metric: distance of two parts: ``euc`` (Euclidean) or ``cos`` (1 - cosine).
    """

    name = "evaluate_FreeGait"


class CCGRMiniProtocol(Gait3DProtocol):
    """Rank-1, Rank-5, Rank-10, mAP and mINP of all sequences that CCGR-MINI's gallery does not list.

    The gallery is listed in the partition's ``GALLERY_SET``; every other test sequence is a probe.
    Otherwise the rule is that of ``evaluate_Gait3D``. Source: OpenGait's ``evaluate_CCGR_MINI``; Zou et
    al., Cross-Covariate Gait Recognition: A Benchmark.

    Args:
        metric: distance of two parts: ``euc`` (Euclidean) or ``cos`` (1 - cosine).
    """

    name = "evaluate_CCGR_MINI"
    listed = "GALLERY_SET"


def _notes(without: int, absent: int) -> list[str]:
    notes = []
    if without:
        notes.append(f"probes not scored because the gallery does not hold their identity: {without}")
    if absent:
        notes.append(f"probes that the partition lists but the test sequences lack: {absent}")
    return notes
