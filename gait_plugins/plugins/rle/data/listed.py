"""RegDB and LLCM, whose lists name the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from gait_plugins.api import SequenceRef, Subset
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.rle.data.files import images_in, read_identities, read_pairs
from gait_plugins.plugins.rle.data.images import SUBSETS, ImageDataset
from gait_plugins.plugins.rle.modality import MODALITIES, THERMAL, VISIBLE, Modality, view_name

SPLITS = 10


class _ListedImages(ImageDataset):
    """A data set with lists of a path and a label in each line, of which each subset counts its own."""

    def _listed_in(
        self, name: str, subset: Subset, modality: Modality, camera: str | None
    ) -> list[SequenceRef]:
        """The images of ``idx/<name>.txt``; the camera is given, or named in the path."""
        pairs = read_pairs(self.root / "idx" / f"{name}.txt")
        absent = [image for image, _ in pairs if not (self.root / image).is_file()]
        if absent:
            raise DataError(
                f"{len(absent)} of {len(pairs)} {modality} images of {name}.txt are missing: {absent[0]}",
                where=str(self.root),
                hint="unpack the whole data set, the folders of both modalities and idx",
            )
        found = []
        for image, label in pairs:
            path = PurePosixPath(image)
            seen = camera or next((part for part in path.parts if part.startswith("cam")), "cam0")
            stem = "_".join(path.with_suffix("").parts)
            # The lists number the identities of training and test from 0 each.
            found.append(
                SequenceRef(f"{subset}{label}", modality, view_name(seen, stem), str(self.root / image))
            )
        return found

    def _check_apart(self, names: Sequence[str]) -> None:
        """Raise ``DataError`` where an image is in two of the lists."""
        owners: dict[str, str] = {}
        for name in names:
            for image, _ in read_pairs(self.root / "idx" / f"{name}.txt"):
                if owners.setdefault(image, name) != name:
                    raise DataError(
                        f"{image} is listed in {owners[image]}.txt and in {name}.txt",
                        where=str(self.root / "idx"),
                        hint="copy the lists again: an image has one modality and is in one subset",
                    )


class RegDB(_ListedImages):
    """RegDB: ``Visible``, ``Thermal`` and ``idx`` with the lists of ten splits.

    ``idx/train_visible_1.txt``, ``train_thermal_1.txt``, ``test_visible_1.txt``, ``test_thermal_1.txt``
    and so on to 10: half of the 412 identities each. Published figures are means over ten trainings.

    Args:
        dataset_root: the folder of ``Visible``, ``Thermal`` and ``idx``.
        split: number of the split, 1 to 10.
        size: height and width that every image is brought to.
    """

    title = "RegDB"

    def __init__(self, dataset_root: str, split: int = 1, size: Sequence[int] = (384, 192)) -> None:
        super().__init__(dataset_root, size)
        if type(split) is not int or not 1 <= split <= SPLITS:
            raise ConfigError(f"split is {split!r}, expected 1 to {SPLITS}", where="data_cfg.split")
        self.split = split

    def find(self, subset: Subset) -> list[SequenceRef]:
        camera = f"split{self.split:02d}"
        self._check_apart([f"{own}_{modality}_{self.split}" for own in SUBSETS for modality in MODALITIES])
        return [
            ref
            for modality in MODALITIES
            for ref in self._listed_in(f"{subset}_{modality}_{self.split}", subset, modality, camera)
        ]


class LLCM(_ListedImages):
    """LLCM: ``idx`` with its lists, ``vis``, ``nir``, ``test_vis`` and ``test_nir``.

    ``idx/train_vis.txt`` and ``idx/train_nir.txt`` name the training images; those of
    ``idx/test_id.txt`` are in ``test_vis/cam1/0001`` and so on. Near-infrared is called thermal here.

    Args:
        dataset_root: the folder of ``idx`` and the images.
        size: height and width that every image is brought to.
    """

    title = "LLCM"

    def __init__(self, dataset_root: str, size: Sequence[int] = (384, 192)) -> None:
        super().__init__(dataset_root, size)

    def identities(self, subset: Subset) -> list[str]:
        tested = read_identities(self.root / "idx" / "test_id.txt")
        return [f"test{number}" for number in tested] if subset == "test" else []

    def find(self, subset: Subset) -> list[SequenceRef]:
        folders: dict[Modality, str] = {VISIBLE: "vis", THERMAL: "nir"}
        # Before a training of days: that what it is tested on can be found at all.
        tested = self.identities("test")
        if subset == "train":
            self._check_apart([f"train_{name}" for name in folders.values()])
            return [
                ref
                for modality, name in folders.items()
                for ref in self._listed_in(f"train_{name}", subset, modality, None)
            ]
        for modality, name in folders.items():
            if not (self.root / f"test_{name}").is_dir():
                raise DataError(
                    f"the folder test_{name} of the {modality} test images is missing",
                    where=str(self.root),
                    hint="unpack the whole data set: vis, nir, test_vis, test_nir and idx",
                )
        return [
            SequenceRef(label, modality, view_name(camera, path.stem), str(path))
            for label in tested
            for modality, name in folders.items()
            for camera in self._cameras(f"test_{name}")
            for path in images_in(self.root / f"test_{name}" / camera / label.removeprefix("test"))
        ]

    def _cameras(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).glob("cam*") if path.is_dir())
