"""Base of the data sets that consist of image files."""

from __future__ import annotations

import logging
import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api import DataReport, FindingLog, GaitDataset, SequenceRef, Subset, track
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.rle.data.files import read_image
from gait_plugins.plugins.rle.modality import MODALITIES

log = logging.getLogger("gait_plugins")
SUBSETS: tuple[Subset, Subset] = ("train", "test")


class ImageDataset(GaitDataset):
    """Images of people in two modalities; each is a sequence of one frame.

    Args:
        dataset_root: the data set's folder.
        size: height and width that every image is brought to.
    """

    title = "ImageDataset"
    """The name that it is registered by."""

    def __init__(self, dataset_root: str, size: Sequence[int]) -> None:
        if len(size) != 2 or any(type(side) is not int or side < 16 for side in size):
            raise ConfigError(
                f"size is {list(size)}, expected height and width of at least 16 pixels",
                where="data_cfg.size",
                hint="for example -o data_cfg.size=[384,192]",
            )
        self.root = Path(os.path.expanduser(dataset_root))
        self.size = int(size[0]), int(size[1])
        self._listed: dict[Subset, list[SequenceRef]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_listed": {}}

    @abstractmethod
    def find(self, subset: Subset) -> list[SequenceRef]:
        """The images of a subset; raises ``DataError`` where files that it takes are not there."""

    def identities(self, subset: Subset) -> list[str]:
        """Labels that the lists name; none where they name images."""
        return []

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        if subset not in self._listed:
            found = self._found(subset)
            absent = self._absent(subset, found)
            if absent:
                log.warning(
                    "%d %s identities of the lists have no image: %s",
                    len(absent),
                    subset,
                    ", ".join(absent[:5]),
                )
            self._listed[subset] = found
        return list(self._listed[subset])

    def _found(self, subset: Subset) -> list[SequenceRef]:
        """The images of a subset, of both modalities."""
        if not self.root.is_dir():
            raise DataError(
                "no such folder",
                where=str(self.root),
                hint=f"set -o data_cfg.dataset_root=FOLDER to the folder of the unpacked {self.title}",
            )
        found = self.find(subset)
        for modality in MODALITIES:
            if not any(ref.type == modality for ref in found):
                raise self._missing_modality(subset, modality, self._absent(subset, found))
        return found

    def _absent(self, subset: Subset, found: list[SequenceRef]) -> list[str]:
        """Identities that the lists name and that have no image."""
        return sorted(set(self.identities(subset)) - {ref.label for ref in found})

    def _missing_modality(self, subset: Subset, modality: str, absent: list[str]) -> DataError:
        of_whom = f"; {', '.join(absent[:5])} of the lists have no images at all" if absent else ""
        return DataError(
            f"no {modality} images in the {subset} set{of_whom}",
            where=str(self.root),
            hint="copy the folders of both modalities and the lists; the expected layout: "
            f"gait-plugins config explain {self.title}",
        )

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        """The image: one array, uint8 ``[1, 3, h, w]`` in RGB."""
        return [read_image(ref.source, self.size)]

    def check(self, *, read_frames: bool = True) -> DataReport:
        """Count identities and images of both modalities, and find files that cannot be read."""
        findings = FindingLog()
        counts: dict[str, int | str] = {}
        for subset in SUBSETS:
            try:
                refs = self._found(subset)
            except DataError as error:
                findings.error(error.message, error.hint or "see the message", error.where)
                continue
            people = {m: {ref.label for ref in refs if ref.type == m} for m in MODALITIES}
            counts[f"{subset} identities"] = len(set().union(*people.values()))
            for modality in MODALITIES:
                counts[f"{subset} {modality} images"] = sum(ref.type == modality for ref in refs)
            for label in sorted(people[MODALITIES[0]] ^ people[MODALITIES[1]]):
                findings.warning(
                    "identities have images in one modality only",
                    "they are left out of batches and of scores; add the other modality",
                    f"{label} ({subset})",
                )
            for label in self._absent(subset, refs):
                findings.warning(
                    "identities of the lists have no image",
                    "unpack the whole data set; they are left out",
                    f"{label} ({subset})",
                )
            if read_frames:
                self._read_all(subset, refs, findings)
        return DataReport(counts, findings.findings())

    def _read_all(self, subset: str, refs: list[SequenceRef], findings: FindingLog) -> None:
        for ref in track(refs, f"reading {subset} images", total=len(refs), unit="image"):
            try:
                image = self.load(ref)[0]
            except DataError as error:
                findings.error("images cannot be read", error.hint or "see the message", error.where)
                continue
            if not image.any():
                findings.warning("images are black", "take them out", ref.name)
