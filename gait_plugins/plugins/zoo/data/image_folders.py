"""Folders of raw silhouette images, read as they are: one folder a sequence, one image a frame."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from gait_plugins.api import DataReport, FindingLog, GaitDataset, SequenceRef, Subset, track
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.folders import by_numbers, suffix
from gait_plugins.io.printable import printable
from gait_plugins.io.remote.address import is_address
from gait_plugins.io.sequence_file import IMAGE_SUFFIXES
from gait_plugins.plugins.zoo.data.layout import OpenGaitLayout
from gait_plugins.plugins.zoo.data.layout_scan import scan, visible
from gait_plugins.prepare.layouts import Layout
from gait_plugins.prepare.read import Maker


class ImageFolders(OpenGaitLayout):
    """Sequences as folders of images, ``ROOT/<id>/<type>/<view>/*.png``, as CASIA-B is distributed.

    Each image is cut to the person and aligned as it is read, by the rule of ``gait-plugins data prepare``;
    images without a person are left out. To read a data set more than a few times, prepare it once.

    Args:
        dataset_root: the folder of the identities.
        dataset_partition: JSON with ``TRAIN_SET`` and ``TEST_SET``; may be left out where the data set's
            name implies it, as for CASIA-B.
        dataset_name: name of the data set, for its built-in partition.
        align: false where the images are aligned already; they are only resized to ``size``.
        size: height and width of a frame.
        cache: keep every sequence in memory once it is read, in each process that reads it.
        self_supervised: every training sequence is a class of its own.
    """

    def __init__(
        self,
        dataset_root: str,
        dataset_partition: str | None = None,
        dataset_name: str | None = None,
        align: bool = True,
        size: int = 64,
        cache: bool = False,
        self_supervised: bool = False,
    ) -> None:
        super().__init__(
            dataset_root,
            dataset_partition,
            dataset_name=dataset_name,
            cache=cache,
            self_supervised=self_supervised,
        )
        if is_address(self.root):
            raise ConfigError(
                "folders of images are read on this machine alone",
                where="data_cfg.dataset_root",
                hint="prepare them once (gait-plugins data prepare), and put the result in the store",
            )
        self._maker = Maker(Path(self.root), Layout((), aligned=not align), size)

    def read(self, ref: SequenceRef) -> list[np.ndarray]:
        made = self._maker.make([os.path.relpath(path, self.root) for path in ref.source])
        if not len(made.frames):
            remarks = "; ".join(f"{remark} ({places[0]})" for remark, places in made.remarks.items())
            raise DataError(
                f"none of the {len(ref.source)} images of {printable(ref.name)} gives a silhouette: "
                f"{remarks}",
                where=os.path.dirname(ref.source[0]),
                hint="gait-plugins data prepare SOURCE TARGET --dataset NAME reports all of them at once",
            )
        return [made.frames]

    def find(self, subset: Subset, present: list[str], findings: FindingLog) -> list[SequenceRef]:
        found = track(present, f"scanning {subset} folders", unit="id")
        walks = scan(self.root, found, findings, _images)
        own_class = self.self_supervised and subset == "train"
        return [
            SequenceRef("-".join(walk[:3]) if own_class else walk.label, walk.type, walk.view, walk.files)
            for walk in walks
        ]

    def check(self, *, read_frames: bool = True) -> DataReport:
        """What every data set is checked for; folders of images have no files of their own to check."""
        return GaitDataset.check(self, read_frames=read_frames)


def _images(view: str, log: FindingLog) -> tuple[str, ...]:
    """The images of a view's folder, frame 2 before frame 10."""
    entries = visible(view, log)
    images = [e.path for e in entries if suffix(e.name) in IMAGE_SUFFIXES and not e.is_dir()]
    if not images:
        log.warning("view folders hold no image", "they are skipped; fill or delete them", view)
    return tuple(sorted(images, key=lambda path: by_numbers(os.path.basename(path))))
