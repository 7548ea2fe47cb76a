"""The contract of evaluation protocols, with their input and results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gait_plugins.api.options import HasExample

CLASS = "class"
"""The target that ``data_cfg.classes`` gives each sequence: the number of its class."""


@dataclass(frozen=True)
class EmbeddingSet:
    """Embeddings of the test sequences with what is known of each."""

    embeddings: np.ndarray
    """float32 ``[n, c, p]``."""
    labels: np.ndarray
    """Identity, str ``[n]``."""
    types: np.ndarray
    """Walking condition, str ``[n]``."""
    views: np.ndarray
    """Camera view, str ``[n]``."""
    dataset_name: str
    """Decides the table of probe and gallery conditions (``CASIA-B``)."""
    probe_set: frozenset[str] | None = None
    """``id-type-view`` of the listed probes, where the partition lists them."""
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What the protocol asked for by ``Protocol.outputs``: name -> ``[n, ...]``."""
    targets: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What transforms and data set know of each sequence (``batch.targets``): name -> ``[n, ...]``."""

    class_names: tuple[str, ...] = ()
    """Names of the classes in ``targets["class"]``, in their order, where ``data_cfg.classes`` names them."""

    gallery_embeddings: np.ndarray | None = None
    """What the sequences are embedded as where they are gallery; None: as where they are probes."""

    @property
    def in_gallery(self) -> np.ndarray:
        """``[n, c, p]``, what gallery rows are taken from; probes are rows of ``embeddings``."""
        return self.embeddings if self.gallery_embeddings is None else self.gallery_embeddings

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Compared:
    """Which test sequences a protocol compares with which, for the pictures of a report."""

    probes: np.ndarray
    """Positions in the test set."""
    gallery: np.ndarray
    """Positions in the test set."""
    left_out: Callable[[slice], np.ndarray] | None = None
    """Rows of probes -> the gallery that they do not meet, bool ``[m, n_gallery]``; None: they meet all."""
    view_by_view: bool = False
    """True where a probe meets the gallery of one view at a time, and the figures are means over pairs of
    views."""
    unmatched_are_misses: bool = False
    """True where a probe whose identity its gallery lacks counts as not found; else it is not scored."""
    conditions: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Condition as it is reported -> which of the probes belong to it, bool ``[n_probe]``."""


@dataclass(frozen=True)
class Table:
    """Figures for people: a title, column heads and rows of texts."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Results:
    """The results of a protocol."""

    protocol: str
    """Name of the protocol in words, with its gallery rule."""
    dataset: str
    """The data set; a protocol gives ``EmbeddingSet.dataset_name``."""
    metrics: Mapping[str, float]
    """Figure -> value, in percent, in the customary order; keys as OpenGait's (``NM@R1``).

    Empty where the scoring is done elsewhere: see ``files``."""
    probes: int
    """Probes that were scored."""
    gallery: int
    """Sequences that probes were compared with; 0 where nothing is compared."""
    probes_without_match: int = 0
    """Probes whose identity the gallery does not hold; a note says whether they count as misses."""
    tables: tuple[Table, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """Unrounded figures, per-view matrices and the like; JSON-able."""
    notes: tuple[str, ...] = ()
    """What a reader of the figures must know: conditions that the data lacks, probes without a match."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Name -> text of files that are written beside the results (``GREW_submission.csv``)."""

    subset: Literal["test", "validation"] = "test"
    """The scored identities: those of the test, or training identities that were held out."""
    scored_as: str = ""
    """The data set whose naming the protocol went by, where the data are called otherwise
    (``GaitDataset.called``); empty where they are not."""

    @property
    def table(self) -> str:
        """The data set whose naming the protocol went by: ``scored_as``, or the data set itself."""
        return self.scored_as or self.dataset

    def scalars(self) -> dict[str, float]:
        """The metrics by OpenGait's keys, ``scalar/test_accuracy/<figure>`` (or ``validation_accuracy``)."""
        return {f"scalar/{self.subset}_accuracy/{name}": value for name, value in self.metrics.items()}


class Protocol(HasExample, ABC):
    """Scores embeddings. Options come from ``evaluator_cfg`` (``metric`` and its own)."""

    outputs: tuple[str, ...] = ()
    """Entries of the model's ``inference_feat``, each ``[n, ...]``, that it scores beside the embeddings."""

    @classmethod
    def example_data(cls) -> EmbeddingSet | None:
        """Something that it can be tried on; needed only where it scores outputs or targets."""
        return None

    def check(self, data: EmbeddingSet) -> None:
        """See before any work that these sequences can be scored; their embeddings are ``[n, 0, 0]``.

        Raises what ``evaluate`` would: a training of days should not end in it. By default all is well.
        """

    def compared(self, data: EmbeddingSet) -> Compared | None:
        """Which sequences are probes, and what each is compared with; None where the rule is another one.

        A report draws its pictures of the ranking by it; by None it compares each sequence with all others.
        """
        return None

    @abstractmethod
    def evaluate(self, data: EmbeddingSet) -> Results:
        """Score; raises ``DataError`` where the data has no probes or no gallery for this protocol."""
