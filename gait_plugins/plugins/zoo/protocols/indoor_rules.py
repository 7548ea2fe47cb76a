"""Probe and gallery conditions of the indoor data sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class IndoorRule:
    """Probe and gallery conditions of one data set."""

    probes: Mapping[str, tuple[str, ...]]
    """Condition as it is reported -> types of its probes."""
    gallery: tuple[str, ...]
    """Types of the gallery."""
    ranks: int = 1
    """Rank-1 up to this rank are reported."""
    partial: bool = False
    """True: a sequence belongs where its type *contains* one of the texts."""
    ignored_views: frozenset[str] = frozenset()

    def is_probe(self, types: np.ndarray, condition: str) -> np.ndarray:
        """Probes of a condition, bool ``[n]``."""
        return self._belongs(types, self.probes[condition])

    def is_gallery(self, types: np.ndarray) -> np.ndarray:
        """Gallery sequences, bool ``[n]``."""
        return self._belongs(types, self.gallery)

    def _belongs(self, types: np.ndarray, wanted: tuple[str, ...]) -> np.ndarray:
        if not self.partial:
            return np.isin(types, wanted)
        found = np.zeros(len(types), bool)
        for text in wanted:
            found |= np.char.find(types.astype(str), text) >= 0
        return found


def _casia_e(condition: str, *scenes: str) -> tuple[str, ...]:
    return tuple(
        f"{height}-{scene}-{condition}-{take}" for scene in scenes for height in "HL" for take in (1, 2)
    )


_ELSEWHERE = ("scene2", "scene3", "scene3_s")

SINGLE_VIEW: dict[str, IndoorRule] = {
    "CASIA-B": IndoorRule(
        probes={"NM": ("nm-05", "nm-06"), "BG": ("bg-01", "bg-02"), "CL": ("cl-01", "cl-02")},
        gallery=("nm-01", "nm-02", "nm-03", "nm-04"),
    ),
    "OUMVLP": IndoorRule(probes={"NM": ("00",)}, gallery=("01",)),
    "CASIA-E": IndoorRule(
        probes={condition.upper(): _casia_e(condition, *_ELSEWHERE) for condition in ("nm", "bg", "cl")},
        gallery=_casia_e("nm", "scene1"),
        ignored_views=frozenset({"270"}),
    ),
    "SUSTech1K": IndoorRule(
        # "Umberalla" is how the published tables' key is spelt.
        probes={
            "Normal": ("01-nm",),
            "Bag": ("bg",),
            "Clothing": ("cl",),
            "Carrying": ("cr",),
            "Umberalla": ("ub",),
            "Uniform": ("uf",),
            "Occlusion": ("oc",),
            "Night": ("nt",),
            "Overall": ("01", "02", "03", "04"),
        },
        gallery=("00-nm",),
        ranks=5,
        partial=True,
    ),
}
"""Every probe view against every gallery view, one at a time."""

CROSS_VIEW: dict[str, IndoorRule] = {
    "CASIA-B": IndoorRule(
        probes={"NM": ("nm-01",), "BG": ("bg-01",), "CL": ("cl-01",)}, gallery=("nm-02", "bg-02", "cl-02")
    ),
    "OUMVLP": IndoorRule(probes={"NM": ("00",)}, gallery=("01",)),
}
"""Every probe view against the gallery of all views at once."""
