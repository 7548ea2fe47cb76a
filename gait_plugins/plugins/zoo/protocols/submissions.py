"""Submission files of the GREW and HID challenges, whose servers alone know the probes' identities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gait_plugins.api import EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import DataError
from gait_plugins.io.tables import csv_text
from gait_plugins.metrics import Metric, distance_chunks, nearest_of, rerank
from gait_plugins.plugins.zoo.protocols import figures
from gait_plugins.plugins.zoo.protocols.roles import Roles, own_types, roles_by_type

_GREW_RANKS = 20
_SHOWN_ROWS = 5
_SHOWN_COLUMNS = 6


class GREWSubmission(Protocol):
    """Ranks the gallery for each probe of the GREW challenge and writes the file for its server.

    Probes are the sequences of type 03 (their view is the video's name), the gallery those of types 01
    and 02. ``GREW_submission-<iteration>.csv`` in the run folder holds a line for each probe: the video
    and the identities of its 20 nearest gallery sequences. There are no figures: the server gives them.

    Source: OpenGait's ``GREW_submission``.

    Args:
        metric: distance of two parts: ``euc`` (Euclidean) or ``cos`` (1 - cosine).
        probe_types: for data of another naming: types of the probes.
        gallery_types: for data of another naming: types of the gallery.
    """

    def __init__(
        self,
        metric: Metric = "euc",
        probe_types: list[str] | None = None,
        gallery_types: list[str] | None = None,
    ) -> None:
        self.metric = metric
        self.rule = own_types(probe_types, gallery_types) or (("03",), ("01", "02"))

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"probe_types": ["nm-05"], "gallery_types": ["nm-01", "nm-02"]}

    def check(self, data: EmbeddingSet) -> None:
        roles_by_type(data, *self.rule)

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Rank; raises ``DataError`` without probes or gallery."""
        roles = roles_by_type(data, *self.rule)
        labels = data.labels[roles.gallery]
        # The server's identities are numbers: 00012 is 12.
        names = np.array([str(int(label)) if label.isdecimal() else str(label) for label in labels])
        nearest = _nearest(data, roles, self.metric, min(_GREW_RANKS, len(labels)))
        blank = [""] * (_GREW_RANKS - nearest.shape[1])
        rows = [
            [str(view), *names[near], *blank]
            for view, near in zip(data.views[roles.probes], nearest, strict=True)
        ]
        notes = ["GREW_submission-<iteration>.csv in the run folder is for the challenge's server"]
        if blank:
            notes.append(f"the gallery has {len(labels)} sequences: higher ranks are left blank")
        heads = ["videoId", *(f"rank{k + 1}" for k in range(_GREW_RANKS))]
        how = f"GREW_submission: the {_GREW_RANKS} nearest gallery sequences of each probe ({self.metric})"
        return _results(data, roles, how, "GREW_submission.csv", [heads, *rows], notes)


class HIDSubmission(Protocol):
    """Names the nearest identity for each probe of the HID challenge and writes the file for its server.

    Probes are the sequences of the identity folder ``probe``, all others are the gallery. A probe's
    view is the video's name; where probes share views (``probe/<video>/default``), its type is.
    ``HID_submission-<iteration>.csv`` in the run folder holds a line for each probe: the video and an
    identity. There are no figures: the server gives them.

    Source: OpenGait's ``HID_submission``; re-ranking: :func:`gait_plugins.metrics.rerank`.

    Args:
        metric: distance of two parts: ``euc`` (Euclidean) or ``cos`` (1 - cosine).
        rerank: correct the distances by shared neighbours first (k-reciprocal re-ranking).
        k1: re-ranking: nearest neighbours that must be mutual.
        k2: re-ranking: neighbours whose encodings are averaged.
        lambda_value: re-ranking: share of the original distance, in [0, 1].
        probe_label: identity folder of the probes.
    """

    def __init__(
        self,
        metric: Metric = "euc",
        rerank: bool = True,
        k1: int = 6,
        k2: int = 6,
        lambda_value: float = 0.3,
        probe_label: str = "probe",
    ) -> None:
        self.metric = metric
        self.rerank = rerank
        self.k1, self.k2, self.lambda_value = k1, k2, lambda_value
        self.probe_label = probe_label

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"probe_label": "000"}

    def check(self, data: EmbeddingSet) -> None:
        self._roles(data)

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Rank; raises ``DataError`` without probes or gallery."""
        roles = self._roles(data)
        videos, labels = _videos(data, roles), data.labels[roles.gallery]
        nearest = (
            self._nearest_reranked(data, roles) if self.rerank else _nearest(data, roles, self.metric, 1)
        )
        rows = [[video, str(label)] for video, label in zip(videos, labels[nearest[:, 0]], strict=True)]
        how = f"k-reciprocal re-ranking {self.k1}, {self.k2}, {self.lambda_value:g}" if self.rerank else ""
        words = ", ".join(filter(None, (self.metric, how)))
        return _results(
            data,
            roles,
            f"HID_submission: the nearest identity of each probe ({words})",
            "HID_submission.csv",
            [["videoID", "label"], *rows],
            [
                "HID_submission-<iteration>.csv in the run folder is for the challenge's server, as "
                "submission.csv in a zip file"
            ],
        )

    def _roles(self, data: EmbeddingSet) -> Roles:
        is_probe = data.labels == self.probe_label
        for role, wanted in (("a probe", is_probe), ("in the gallery", ~is_probe)):
            if not wanted.any():
                raise DataError(
                    f"no test sequence of {data.dataset_name} is {role}: probes are those of the identity "
                    f"folder {self.probe_label!r}, and the test identities are {figures.some(data.labels)}",
                    hint="put both into the data set's root and under TEST_SET of the partition, or set "
                    "evaluator_cfg.probe_label to the probes' folder",
                )
        return Roles(np.flatnonzero(is_probe), np.flatnonzero(~is_probe))

    def _nearest_reranked(self, data: EmbeddingSet, roles: Roles) -> np.ndarray:
        distances = rerank(
            *(rows[:] for rows in roles.embeddings(data)),
            metric=self.metric,
            k1=self.k1,
            k2=self.k2,
            lambda_value=self.lambda_value,
        )
        nearest: np.ndarray = distances.argmin(axis=1, keepdims=True)
        return nearest


def _videos(data: EmbeddingSet, roles: Roles) -> list[str]:
    """What tells the probes apart: their views, or else their types; their views where neither does."""
    views, types = ([str(name) for name in part[roles.probes]] for part in (data.views, data.types))
    by_type = len(set(views)) < len(views) and len(set(types)) == len(types)
    return types if by_type else views


def _nearest(data: EmbeddingSet, roles: Roles, metric: Metric, count: int) -> np.ndarray:
    """Positions of each probe's nearest within the gallery, int64 ``[n_probe, count]``."""
    chunks = distance_chunks(*roles.embeddings(data), metric)
    return np.concatenate([nearest_of(distances, count) for _, distances in chunks])


def _results(
    data: EmbeddingSet, roles: Roles, how: str, name: str, lines: Sequence[Sequence[str]], notes: list[str]
) -> Results:
    videos = [line[0] for line in lines[1:]]
    if len(set(videos)) < len(videos):
        notes = [
            *notes,
            f"{len(videos)} probes share {len(set(videos))} names, but the server identifies probes by name",
        ]
    heads, *rows = (tuple(line[:_SHOWN_COLUMNS]) for line in lines[: _SHOWN_ROWS + 1])
    return Results(
        protocol=how,
        dataset=data.dataset_name,
        metrics={},
        probes=len(roles.probes),
        gallery=len(roles.gallery),
        tables=(Table("First lines of the file", heads, tuple(rows)),),
        notes=("no figures: the challenge's server scores the probes", *notes),
        files={name: csv_text(lines)},
    )
