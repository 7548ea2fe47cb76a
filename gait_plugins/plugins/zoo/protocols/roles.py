"""Probes and gallery by the sequences' types."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gait_plugins.api import EmbeddingSet
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.metrics import Rows
from gait_plugins.plugins.zoo.protocols import figures

Types = tuple[str, ...]


@dataclass(frozen=True)
class Roles:
    """Which sequences are probes and which are gallery, as positions in the test set."""

    probes: np.ndarray
    gallery: np.ndarray

    def embeddings(self, data: EmbeddingSet) -> tuple[Rows, Rows]:
        """Those of the probes and of the gallery."""
        return Rows(data.embeddings, self.probes), Rows(data.in_gallery, self.gallery)

    def without_match(self, data: EmbeddingSet) -> int:
        """Probes whose identity the gallery does not hold."""
        return int((~np.isin(data.labels[self.probes], data.labels[self.gallery])).sum())


def roles_by_type(data: EmbeddingSet, probes: Types, gallery: Types) -> Roles:
    """Probes and gallery of these types.

    Raises:
        DataError: the test set lacks either.
    """
    roles = Roles(*(np.flatnonzero(np.isin(data.types, wanted)) for wanted in (probes, gallery)))
    for role, found, wanted in (
        ("a probe", roles.probes, probes),
        ("in the gallery", roles.gallery, gallery),
    ):
        if not len(found):
            raise DataError(
                f"no test sequence of {data.dataset_name} is {role}: their types are "
                f"{figures.some(data.types)}, expected {figures.some(wanted)}",
                hint="give evaluator_cfg.probe_types and evaluator_cfg.gallery_types, or score by a rule of "
                "your own: evaluator_cfg.eval_func: evaluate_own_data",
            )
    return roles


def own_types(probes: list[str] | None, gallery: list[str] | None) -> tuple[Types, Types] | None:
    """The options ``probe_types`` and ``gallery_types``; None where neither is given.

    Raises:
        ConfigError: one without the other.
    """
    if (probes is None) != (gallery is None):
        raise ConfigError("probe_types and gallery_types belong together: give both or neither")
    return None if probes is None or gallery is None else (tuple(probes), tuple(gallery))
