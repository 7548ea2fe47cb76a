"""Rank-k of data sets with a few takes of each person: GREW, HID and TTG-200."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gait_plugins.api import Compared, EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import ConfigError
from gait_plugins.metrics import Metric, distance_chunks, first_match
from gait_plugins.plugins.zoo.protocols import figures
from gait_plugins.plugins.zoo.protocols.roles import Roles, Types, own_types, roles_by_type
from gait_plugins.suggest import did_you_mean

_RANKS = (1, 5, 10, 20)
_RULES: dict[str, tuple[Types, Types]] = {
    "GREW": (("02",), ("01",)),
    "TTG-200": (("2", "3", "4", "5", "6"), ("1",)),
    "HID2021": (("1",), ("0",)),
    "0001-1000-test": (("1",), ("0",)),
    "0001-1000": (("3", "4", "5", "6"), ("1", "2")),
}
"""Data set -> types of its probes and of its gallery; the last three are HID's parts."""


class RealSceneProtocol(Protocol):
    """Rank-1, 5, 10 and 20 of the probe takes against the gallery takes of all views.

    On GREW the first take of each test identity is the gallery and the second the probe: an offline
    check, not the figure that papers report, which the challenge's server gives (``GREW_submission``).
    Figures are rounded to two decimals, as the published ones are; the unrounded are in ``details``. A
    probe whose identity the gallery lacks counts as a miss.

    Source: OpenGait's ``evaluate_real_scene``; Zhu et al., Gait Recognition in the Wild: A Benchmark.

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
        self.rule = own_types(probe_types, gallery_types)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"probe_types": ["nm-05"], "gallery_types": ["nm-01"]}

    def check(self, data: EmbeddingSet) -> None:
        self._roles(data)

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Score; raises ``ConfigError`` for an unknown data set, ``DataError`` without probes or gallery."""
        roles = self._roles(data)
        first = self._first_matches(data, roles)
        exact = {f"Rank-{k}": float((first < k).mean() * 100) for k in _RANKS}
        metrics = {name: float(np.round(value, 2)) for name, value in exact.items()}
        without = roles.without_match(data)
        return Results(
            protocol=f"evaluate_real_scene: probe takes against gallery takes of all views ({self.metric})",
            dataset=data.dataset_name,
            metrics=metrics,
            probes=len(roles.probes),
            gallery=len(roles.gallery),
            probes_without_match=without,
            tables=(Table("Figures (%)", ("", *metrics), (figures.row("all", metrics.values()),)),),
            details={"unrounded": exact},
            notes=tuple(self._notes(data, without)),
        )

    def compared(self, data: EmbeddingSet) -> Compared:
        roles = self._roles(data)
        return Compared(roles.probes, roles.gallery, unmatched_are_misses=True)

    def _roles(self, data: EmbeddingSet) -> Roles:
        if self.rule is None and data.dataset_name not in _RULES:
            meant = did_you_mean(data.dataset_name, _RULES)
            raise ConfigError(
                f"evaluate_real_scene has no probe and gallery rule for data set {data.dataset_name!r}, "
                f"only for {'; '.join(filter(None, (', '.join(_RULES), meant)))}",
                hint="set data_cfg.test_dataset_name to the one whose naming your sequences follow, or give "
                'your own evaluator_cfg.probe_types (["02"]) and evaluator_cfg.gallery_types (["01"])',
            )
        return roles_by_type(data, *(self.rule or _RULES[data.dataset_name]))

    def _first_matches(self, data: EmbeddingSet, roles: Roles) -> np.ndarray:
        """Rank of each probe's first match, int64 ``[n_probe]``."""
        _, codes = np.unique(data.labels, return_inverse=True)
        numbers = torch.from_numpy(codes.reshape(-1).astype(np.int32))
        probe, gallery = numbers[roles.probes], numbers[roles.gallery]
        return np.concatenate(
            [
                first_match(chunk, (probe[rows, None] == gallery).to(chunk.device)).cpu().numpy()
                for rows, chunk in distance_chunks(*roles.embeddings(data), self.metric)
            ]
        )

    def _notes(self, data: EmbeddingSet, without: int) -> list[str]:
        notes = []
        if self.rule is None and data.dataset_name == "GREW":
            notes.append(
                "take 02 against take 01: papers report the figure of the challenge's server "
                "(eval_func: GREW_submission)"
            )
        if without:
            notes.append(
                f"probes that count as misses because the gallery does not hold their identity: {without}"
            )
        return notes
