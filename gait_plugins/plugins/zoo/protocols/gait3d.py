"""Gait3D's protocol: listed probes against all other test sequences."""

from __future__ import annotations

import numpy as np

from gait_plugins.api import EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import DataError
from gait_plugins.metrics import Metric, retrieve
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

    def __init__(self, metric: Metric = "euc") -> None:
        self.metric = metric

    def check(self, data: EmbeddingSet) -> None:
        _split(data)

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Score; raises ``DataError`` without listed probes, gallery or matches."""
        is_probe, absent = _split(data)
        labels = data.labels[is_probe], data.labels[~is_probe]
        embeddings = data.embeddings[is_probe], data.embeddings[~is_probe]
        scores = retrieve(*embeddings, *labels, metric=self.metric)
        metrics = {f"Rank-{k}": 100 * scores.rank(k) for k in _RANKS}
        metrics |= {"mAP": 100 * scores.mAP, "mINP": 100 * scores.mINP}
        return Results(
            protocol=f"evaluate_Gait3D: listed probes against all other sequences ({self.metric})",
            dataset=data.dataset_name,
            metrics=metrics,
            probes=int(scores.matched.sum()),
            gallery=len(labels[1]),
            probes_without_match=scores.without_match,
            tables=(Table("Figures (%)", ("", *metrics), (figures.row("all", metrics.values()),)),),
            details={"listed_probes_absent": absent},
            notes=tuple(_notes(scores.without_match, absent)),
        )


def _split(data: EmbeddingSet) -> tuple[np.ndarray, int]:
    """Which sequences are probes, bool ``[n]``, and how many listed ones the data lacks."""
    is_probe, absent = _probes(data)
    labels = data.labels[is_probe], data.labels[~is_probe]
    if not len(labels[1]):
        raise DataError(
            f"all {len(data)} test sequences of {data.dataset_name} are probes; the gallery is empty",
            hint="list under PROBE_SET of the partition only some sequences of each test identity",
        )
    if not np.isin(*labels).any():
        raise DataError(
            f"no identity of the {len(labels[0])} probes of {data.dataset_name} is in the gallery",
            hint="leave at least one sequence of each probe's identity out of PROBE_SET",
        )
    return is_probe, absent


def _probes(data: EmbeddingSet) -> tuple[np.ndarray, int]:
    if not data.probe_set:
        raise DataError(
            f"evaluate_Gait3D needs the list of probes, but the partition of {data.dataset_name} has none",
            hint='add "PROBE_SET": ["<id>-<type>-<view>", ...] to the JSON of data_cfg.dataset_partition',
        )
    parts = zip(data.labels, data.types, data.views, strict=True)
    names = [f"{label}-{kind}-{view}" for label, kind, view in parts]
    is_probe = np.array([name in data.probe_set for name in names], bool)
    if not is_probe.any():
        raise DataError(
            f"none of the {len(data.probe_set)} probes that the partition lists is a test sequence: it "
            f"lists {figures.some(data.probe_set, 3)}; the data has {figures.some(names, 3)}",
            hint="spell the entries of PROBE_SET <id>-<type>-<view>, as the folders are named",
        )
    return is_probe, len(data.probe_set - set(names))


def _notes(without: int, absent: int) -> list[str]:
    notes = []
    if without:
        notes.append(f"probes not scored because the gallery does not hold their identity: {without}")
    if absent:
        notes.append(f"probes that the partition lists but the test sequences lack: {absent}")
    return notes
