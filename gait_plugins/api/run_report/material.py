"""Material of a report: the records of its runs, and the section that is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gait_plugins.api.protocol import Compared, EmbeddingSet, Table
from gait_plugins.charts import Figure

if TYPE_CHECKING:
    from gait_plugins.api.run_report.ranking import Ranking
    from gait_plugins.metrics import Metric


@dataclass
class ReportRun:
    """One run, as its folder tells of it."""

    name: str
    """What it is called in the report; no two runs have the same."""
    folder: Path
    config: Mapping[str, Any]
    """The resolved configuration as plain data."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Component -> distribution, version, ``module:attr``."""
    environment: Mapping[str, Any] = field(default_factory=dict)
    """Versions, machine and command line."""
    records: Sequence[Mapping[str, Any]] = ()
    """The lines of ``log.jsonl`` that hold: those that a resumed training wrote again are left out."""
    results: Mapping[str, Any] = field(default_factory=dict)
    """What the last test found (``metrics``, ``protocol``, ``step``, ...); empty where nothing was tested."""
    notes: Sequence[str] = ()
    """What a reader must know of the run: unfinished, of another version."""
    embedded: EmbeddingSet | None = None
    """Embeddings of the test sequences; None where they cannot be had."""
    missing: str = ""
    """Why there are no embeddings, and which command helps."""
    names: Sequence[str] = ()
    """``id-type-view`` of the test sequences."""
    compared: Compared | None = None
    """Probes and gallery; of a protocol that does not tell them, each sequence against all others."""
    by_protocol: bool = True
    """False where ``compared`` is not the protocol's own."""
    metric: Metric = "euc"
    frames: Callable[[int], np.ndarray] | None = None
    """Position in the test set -> pictures of its frames, uint8 ``[t, h, w]`` or ``[t, h, w, 3]`` in red,
    green, blue; raises ``GaitPluginsError`` where the data cannot be read."""

    @cached_property
    def ranking(self) -> Ranking | None:
        """The gallery ranked for each probe; None where there are no embeddings."""
        from gait_plugins.api.run_report.ranking import rank

        if self.embedded is None or self.compared is None:
            return None
        return rank(self.embedded, self.compared, self.metric)


@dataclass(frozen=True)
class Differing:
    """Something in which runs differ, with its value in each."""

    name: str
    values: tuple[Any, ...]
    """None where a run has no such thing."""


@dataclass(frozen=True)
class ReportMaterial:
    """The runs of a report, and what differs between them."""

    runs: Sequence[ReportRun]
    differences: Mapping[str, Sequence[Differing]] = field(default_factory=dict)
    """Kind (``settings``, ``data``, ...) -> what differs; empty for a single run."""
    projection: str = "auto"
    """Of embeddings to two dimensions: ``pca``, ``umap``, or ``auto``: UMAP where it is installed."""


@dataclass(frozen=True)
class ReportSection:
    """A part of a report: a title, what one sees, and figures, tables and notes."""

    title: str
    lead: str
    """A plain sentence or two: what is seen, and what good looks like."""
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    """Sentences below: what is left out, and why."""
