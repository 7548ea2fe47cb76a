"""Image files, and data sets that are made of them."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gait_plugins.api import DataReport, FindingLog, GaitDataset, SequenceRef, Subset, track
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.rle.modality import MODALITIES

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


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
                hint="-o data_cfg.size=[384,192]",
            )
        self.root = Path(os.path.expanduser(dataset_root))
        self.size = int(size[0]), int(size[1])
        self._listed: dict[Subset, list[SequenceRef]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_listed": {}}

    @abstractmethod
    def find(self, subset: Subset) -> list[SequenceRef]:
        """The images of a subset; raises ``DataError`` where files that it takes are not there."""

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        if subset not in self._listed:
            if not self.root.is_dir():
                raise DataError(
                    "there is no such folder",
                    where=str(self.root),
                    hint=f"-o data_cfg.dataset_root=FOLDER, where {self.title} was unpacked to",
                )
            found = self.find(subset)
            for modality in MODALITIES:
                if not any(ref.type == modality for ref in found):
                    raise self.missing_modality(subset, modality)
            self._listed[subset] = found
        return list(self._listed[subset])

    def missing_modality(self, subset: str, modality: str) -> DataError:
        """There is no image of a modality."""
        return DataError(
            f"there is no {modality} image to {subset} with",
            where=str(self.root),
            hint="copy the folders of both modalities; what is expected is told by "
            f"gait-plugins config explain {self.title}",
        )

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        """The image: one array, uint8 ``[1, 3, h, w]`` in RGB."""
        return [read_image(ref.source, self.size)]

    def check(self, *, read_frames: bool = True) -> DataReport:
        """Count identities and images of both modalities, and find files that cannot be read."""
        log = FindingLog()
        counts: dict[str, int | str] = {}
        for subset in ("train", "test"):
            try:
                refs = self.sequences(subset)
            except DataError as error:
                log.error(error.message, error.hint or "see the message", error.where)
                continue
            people = {m: {ref.label for ref in refs if ref.type == m} for m in MODALITIES}
            counts[f"{subset} identities"] = len(set().union(*people.values()))
            for modality in MODALITIES:
                counts[f"{subset} {modality} images"] = sum(ref.type == modality for ref in refs)
            for label in sorted(people[MODALITIES[0]] ^ people[MODALITIES[1]]):
                log.warning(
                    "identities have images in one modality only",
                    "they are left out of batches and of scores; add the other modality",
                    f"{label} ({subset})",
                )
            if read_frames:
                self._read_all(subset, refs, log)
        return DataReport(counts, log.findings())

    def _read_all(self, subset: str, refs: list[SequenceRef], log: FindingLog) -> None:
        for ref in track(refs, f"reading {subset} images", total=len(refs), unit="image"):
            try:
                image = self.load(ref)[0]
            except DataError as error:
                log.error("images cannot be read", error.hint or "see the message", error.where)
                continue
            if not image.any():
                log.warning("images are black", "take them out", ref.name)


def read_image(path: str, size: tuple[int, int]) -> np.ndarray:
    """An image file, whatever its size, as uint8 ``[1, 3, h, w]`` in RGB; gray ones in three channels.

    Raises:
        DataError: it is missing, empty or damaged.
    """
    try:
        # Not by OpenCV's own reading, which fails at names beyond ASCII on some systems.
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror or error}",
            where=path,
            hint="see that the file exists and that you may read it",
        ) from error
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if image is None:
        raise DataError(
            f"no image, or a damaged one ({content.size} bytes)", where=path, hint="copy the file again"
        )
    return as_frame(image[..., ::-1], size)


def as_frame(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An RGB image ``[h, w, 3]`` brought to a size: uint8 ``[1, 3, *size]``."""
    height, width = size
    if image.shape[:2] != size:
        shrinks = image.shape[0] > height and image.shape[1] > width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=how)
    return np.ascontiguousarray(image.transpose(2, 0, 1))[None]


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder, by name; none where there is no such folder."""
    if not folder.is_dir():
        return []
    found = (Path(entry.path) for entry in os.scandir(folder) if not entry.name.startswith("."))
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def read_lines(path: Path) -> list[str]:
    """The lines of a list, without empty ones.

    Raises:
        DataError: it is missing or empty.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the list cannot be read: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            hint="the list comes with the data set, or with the code of Cross-Modal-Re-ID-baseline",
        ) from error
    if not any(lines):
        raise DataError("the list is empty", where=str(path), hint="copy the file again")
    return [line for line in lines if line]


def read_identities(path: Path) -> list[str]:
    """Identities of a list of numbers between commas, as four digits, sorted.

    Raises:
        DataError: it is missing, or holds something else.
    """
    numbers = ",".join(read_lines(path)).replace(" ", "").strip(",").split(",")
    if not all(number.isdigit() for number in numbers):
        raise DataError("expected numbers between commas", where=str(path), hint="copy the file again")
    return sorted({f"{int(number):04d}" for number in numbers})


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Images and identities of a list with a path and a number in each line.

    Raises:
        DataError: it is missing, or a line is none.
    """
    pairs = []
    for number, line in enumerate(read_lines(path), 1):
        image, _, label = line.rpartition(" ")
        if not image or not label.isdigit():
            raise DataError(
                f"line {number} is {line!r}, expected a path and an identity",
                where=str(path),
                hint="copy the file again",
            )
        pairs.append((image.strip().replace("\\", "/"), f"{int(label):04d}"))
    return pairs
