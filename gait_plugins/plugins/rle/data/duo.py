"""A small visible-thermal data set that is made in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gait_plugins.api import DataReport, FindingLog, GaitDataset, SequenceRef, Subset
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.rle.data.duo_person import Person, person
from gait_plugins.plugins.rle.data.duo_render import picture
from gait_plugins.plugins.rle.data.sysu import CAMERAS
from gait_plugins.plugins.rle.modality import MODALITIES, VISIBLE, Modality, view_name


class Duo(GaitDataset):
    """People in coloured clothes, seen by four visible and two thermal cameras; nothing to download.

    A thermal value is linear in the colour of what is seen, by random factors that belong to each
    material: within a garment light and dark follow its pattern, but no colour tells the thermal value.
    That is the premise of arXiv 2411.01225. Bodies, cuts, patterns, hair and bags tell who it is.
    Cameras are named as SYSU-MM01's (3 and 6 are thermal). Every image is a pure function of the
    options, whatever is made before it.

    Args:
        train: training identities, ``0001`` onwards.
        test: test identities, the next ones.
        visible: images by each visible camera of each identity.
        thermal: images by each thermal camera.
        size: height and width.
        seed: seed of the whole population.
    """

    synthetic = True

    def __init__(
        self,
        train: int = 60,
        test: int = 50,
        visible: int = 1,
        thermal: int = 2,
        size: Sequence[int] = (64, 32),
        seed: int = 1,
    ) -> None:
        counts = {"train": train, "test": test, "visible": visible, "thermal": thermal}
        for name, value in counts.items():
            if type(value) is not int or value < 1:
                raise ConfigError(f"{name} is {value!r}, expected a whole number above 0", where="duo")
        if len(size) != 2 or min(size) < 16:
            raise ConfigError(
                f"size is {list(size)}, expected height and width of at least 16 pixels", where="duo"
            )
        self.train, self.test, self.seed = train, test, seed
        self.images: dict[Modality, int] = dict(zip(MODALITIES, (visible, thermal), strict=True))
        self.size = int(size[0]), int(size[1])
        self._made: dict[tuple[int, str, int], np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": {}}

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        """The images of a subset, by identity, modality, camera and number."""
        first, count = (1, self.train) if subset == "train" else (self.train + 1, self.test)
        return [
            SequenceRef(f"{number:04d}", modality, view_name(camera, f"{image:04d}"), (number, camera, image))
            for number in range(first, first + count)
            for modality, cameras in CAMERAS.items()
            for camera in cameras
            for image in range(1, self.images[modality] + 1)
        ]

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        """The image: one array, uint8 ``[1, 3, h, w]``."""
        if ref.source not in self._made:
            self._made[ref.source] = self._make(*ref.source)
        return [self._made[ref.source]]

    def _make(self, number: int, camera: str, image: int) -> np.ndarray:
        lens = int(camera[-1])
        modality: Modality = VISIBLE if camera in CAMERAS[VISIBLE] else MODALITIES[1]
        rng = np.random.default_rng((self.seed, number, lens, image))
        return picture(_person(self.seed, number), modality, lens, self.size, rng)[None]

    def check(self, *, read_frames: bool = True) -> DataReport:
        """Count; there is nothing that could be wrong."""
        counts: dict[str, int | str] = {"train identities": self.train, "test identities": self.test}
        counts["train images"] = len(self.sequences("train"))
        counts["test images"] = len(self.sequences("test"))
        return DataReport(counts, FindingLog().findings())


@lru_cache(maxsize=4096)
def _person(seed: int, number: int) -> Person:
    return person(np.random.default_rng((seed, number)))
