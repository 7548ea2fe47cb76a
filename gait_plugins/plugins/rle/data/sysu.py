"""SYSU-MM01, from its folders or from preprocessed arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api import SequenceRef, Subset
from gait_plugins.errors import DataError
from gait_plugins.io.folders import require_regular
from gait_plugins.io.open_file import ArrayFile
from gait_plugins.plugins.rle.data.files import as_frame, images_in, read_identities, read_image
from gait_plugins.plugins.rle.data.images import ImageDataset
from gait_plugins.plugins.rle.modality import MODALITIES, THERMAL, VISIBLE, Modality, view_name

CAMERAS: dict[Modality, tuple[str, ...]] = {
    VISIBLE: ("cam1", "cam2", "cam4", "cam5"),
    THERMAL: ("cam3", "cam6"),
}
_NAMES: dict[Modality, str] = {VISIBLE: "rgb", THERMAL: "ir"}
_ENDINGS = ("192", "")
"""Of the arrays, as the authors' preprocessing and that of others name them."""


class SYSUMM01(ImageDataset):
    """SYSU-MM01: ``cam1`` to ``cam6`` with a folder of images for each identity, and ``exp`` with lists.

    ``exp/train_id.txt`` and ``exp/val_id.txt`` are trained on, ``exp/test_id.txt`` is tested on.
    Cameras 3 and 6 are thermal. Training images may also come from arrays as the public code
    preprocesses them: ``train_rgb_resized_img192.npy``, ``train_rgb_resized_label192.npy`` and the same
    of ``ir``, images ``[n, h, w, 3]`` (names without ``192`` are taken too).

    Args:
        dataset_root: the folder of ``cam1`` to ``cam6`` and ``exp``.
        size: height and width that every image is brought to.
        preprocessed: take training images from the arrays; null takes them where they are.
    """

    title = "SYSU-MM01"

    def __init__(
        self, dataset_root: str, size: Sequence[int] = (384, 192), preprocessed: bool | None = None
    ) -> None:
        super().__init__(dataset_root, size)
        self.preprocessed = preprocessed
        self._arrays: dict[str, ArrayFile] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_arrays": {}}

    def identities(self, subset: Subset) -> list[str]:
        if subset == "train" and self._files() is not None:
            return []
        names = ("train", "val") if subset == "train" else ("test",)
        listed = (read_identities(self.root / "exp" / f"{name}_id.txt") for name in names)
        return sorted(set().union(*listed))

    def find(self, subset: Subset) -> list[SequenceRef]:
        # Before a training of days: that what it is tested on can be found at all.
        tested = self.identities("test")
        if subset == "test":
            return self._in_folders(tested)
        arrays = self._files()
        if arrays is not None:
            return [ref for modality in MODALITIES for ref in self._in_arrays(modality, *arrays[modality])]
        trained = self.identities("train")
        both = sorted(set(trained) & set(tested))
        if both:
            raise DataError(
                f"{len(both)} identities are in both the training and the test lists: {', '.join(both[:5])}",
                where=str(self.root / "exp"),
                hint="copy the lists again",
            )
        return self._in_folders(trained)

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        if isinstance(ref.source, str):
            return [read_image(ref.source, self.size)]
        name, row = ref.source
        return [as_frame(self._picture(name, row), self.size)]

    def _in_folders(self, identities: list[str]) -> list[SequenceRef]:
        for modality, cameras in CAMERAS.items():
            absent = [camera for camera in cameras if not (self.root / camera).is_dir()]
            if absent:
                raise DataError(
                    f"the {modality} cameras' folders {', '.join(absent)} are missing",
                    where=str(self.root),
                    hint="unpack the whole data set: cam1 to cam6 and exp",
                )
        return [
            SequenceRef(identity, modality, view_name(camera, path.stem), str(path))
            for identity in identities
            for modality, cameras in CAMERAS.items()
            for camera in cameras
            for path in images_in(self.root / camera / identity)
        ]

    def _files(self) -> dict[Modality, tuple[Path, Path]] | None:
        """Image and label array of both modalities, or None where folders are to be read."""
        if self.preprocessed is False:
            return None
        for ending in _ENDINGS:
            files = {
                modality: (
                    self.root / f"train_{name}_resized_img{ending}.npy",
                    self.root / f"train_{name}_resized_label{ending}.npy",
                )
                for modality, name in _NAMES.items()
            }
            absent = [path for pair in files.values() for path in pair if not path.is_file()]
            if not absent:
                return files
            if len(absent) < 4:
                raise DataError(
                    f"preprocessed arrays found, but {', '.join(p.name for p in absent)} is missing",
                    where=str(self.root),
                    hint="preprocess again, or -o data_cfg.preprocessed=false to read the folders",
                )
        if self.preprocessed:
            raise DataError(
                "no preprocessed arrays found (train_rgb_resized_img192.npy, ..)",
                where=str(self.root),
                hint="set -o data_cfg.preprocessed=false to read the folders",
            )
        return None

    def _in_arrays(self, modality: Modality, images: Path, labels: Path) -> list[SequenceRef]:
        pictures, identities = self._array(str(images)), _labels(str(labels))
        if len(pictures.shape) != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8:
            raise DataError(
                f"found {pictures.dtype} {list(pictures.shape)}, expected uint8 [n, h, w, 3]",
                where=str(images),
                hint="preprocess again, or -o data_cfg.preprocessed=false to read the folders",
            )
        if identities.shape != pictures.shape[:1] or not _are_labels(identities):
            raise DataError(
                f"found {identities.dtype} {list(identities.shape)}, expected a label (0, 1, ..) for each of "
                f"{len(pictures)} images",
                where=str(labels),
                hint="preprocess again, or -o data_cfg.preprocessed=false to read the folders",
            )
        return [
            SequenceRef(f"{int(label):04d}", modality, view_name("array", f"{row:05d}"), (str(images), row))
            for row, label in enumerate(identities)
        ]

    def _picture(self, path: str, row: int) -> np.ndarray:
        with _told(path):
            return self._array(path)[row]

    def _array(self, path: str) -> ArrayFile:
        if path not in self._arrays:
            with _told(path):
                self._arrays[path] = ArrayFile(path)
        return self._arrays[path]


def _labels(path: str) -> np.ndarray:
    with _told(path):
        require_regular(path)
        return np.asarray(np.load(path, allow_pickle=False))


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"the array cannot be read: {error}", where=path, hint="preprocess again") from error


def _are_labels(values: np.ndarray) -> bool:
    """Whether all are whole numbers from 0, in whatever type."""
    return values.dtype.kind in "iuf" and bool(((values >= 0) & (values == np.floor(values))).all())
