"""Batches that hold both modalities of every identity."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from gait_plugins.api import BatchSampler, SequenceIndex, SequenceRef
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.rle.modality import MODALITIES, Modality

log = logging.getLogger("gait_plugins")


class CrossSpectralSampler(BatchSampler):
    """P identities without repetition, and K visible and K thermal images of each.

    First all visible images, then all thermal ones, identity after identity: each of several processes
    gets both. An identity with fewer than K images in a modality gives draws with repetition; one that
    has images in a single modality is never drawn, which is logged. The batches are endless.

    Args:
        batch_size: ``[P, K]``, over all processes together: ``2 * P * K`` images.
    """

    def __init__(self, batch_size: tuple[int, int]) -> None:
        sizes = tuple(batch_size) if isinstance(batch_size, Sequence) else (batch_size,)
        if len(sizes) != 2 or not all(type(size) is int and size >= 1 for size in sizes):
            raise ConfigError(
                f"batch_size of CrossSpectralSampler is {batch_size!r}, expected [identities, images of each "
                "in each modality]",
                where="sampler",
                hint="for example -o trainer_cfg.sampler.batch_size=[6,4]",
            )
        self.identities, self.each = sizes
        self.batch_size = 2 * self.identities * self.each
        self._known: tuple[SequenceIndex, list[dict[Modality, list[int]]]] | None = None

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"batch_size": [4, 2]}

    @classmethod
    def example_index(cls) -> SequenceIndex:
        return SequenceIndex(
            [
                SequenceRef(f"{identity:04d}", modality, f"cam1:{image}", None)
                for identity in range(6)
                for modality in MODALITIES
                for image in range(3)
            ]
        )

    def check(self, index: SequenceIndex) -> None:
        paired = _paired(index)
        single = len(index.identities) - len(paired)
        if not paired:
            kinds = ", ".join(sorted({ref.type for ref in index.refs})) or "nothing"
            raise DataError(
                f"no training identity has both visible and thermal images; types of the images: {kinds}",
                where="sampler",
                hint="a sequence's type is its modality; check that the folders of both modalities exist",
            )
        if len(paired) < self.identities:
            raise ConfigError(
                f"a batch needs {self.identities} identities, but the data have {len(paired)} with images in "
                f"both modalities ({single} in one only)",
                where="sampler",
                hint=f"-o trainer_cfg.sampler.batch_size=[{len(paired)},{self.each}]",
            )
        if single:
            log.warning("%d training identities have images in one modality only and are never drawn", single)

    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        paired = self._pairs(index)
        chosen: dict[Modality, list[int]] = {modality: [] for modality in MODALITIES}
        for identity in rng.choice(len(paired), self.identities, replace=False):
            for modality, images in paired[identity].items():
                picked = rng.choice(len(images), self.each, replace=len(images) < self.each)
                chosen[modality] += [images[i] for i in picked]
        return [position for modality in MODALITIES for position in chosen[modality]]

    def _pairs(self, index: SequenceIndex) -> list[dict[Modality, list[int]]]:
        # Made once: going through tens of thousands of images for each batch would take longer than it.
        if self._known is None or self._known[0] is not index:
            self._known = index, _paired(index)
        return self._known[1]


def _paired(index: SequenceIndex) -> list[dict[Modality, list[int]]]:
    """Positions of the images, by modality, of each identity that has both."""
    found = []
    for positions in index.by_identity.values():
        own: dict[Modality, list[int]] = {
            modality: [p for p in positions if index.refs[p].type == modality] for modality in MODALITIES
        }
        if all(own.values()):
            found.append(own)
    return found
