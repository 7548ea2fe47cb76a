"""A data set from one packed data file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch.distributed as dist

from gait_plugins.api import (
    SILHOUETTES,
    DataReport,
    FindingLog,
    SequenceRef,
    SequenceTable,
    Silhouettes,
    Stream,
    Subset,
)
from gait_plugins.api.census.counts import Loads, take_census
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.dataset_file import PackedFile, require_sound
from gait_plugins.io.packed_index import SEQUENCE
from gait_plugins.io.remote.address import is_address
from gait_plugins.plugins.zoo.data.partitioned import PartitionedDataset

log = logging.getLogger("gait_plugins")

_SUBSETS: tuple[Subset, ...] = ("train", "test")


class PackedSilhouettes(PartitionedDataset):
    """Sequences of one packed data file: silhouettes, or whatever streams it holds.

    ``gait-plugins data pack`` writes such a file from OpenGait's folders, with ``--shards`` as several.

    Nothing of the file is read before it is asked for, and the system keeps what was read for all worker
    processes. The same sequences come in the same order as from the folders. The frames of a sequence are
    verified whenever they are read.

    Args:
        dataset_root: the packed data file (``.npz``), or its address in a store (``s3://bucket/file.npz``);
            its parts, where it has some, lie beside it.
        dataset_partition: JSON with ``TRAIN_SET`` and ``TEST_SET``, and ``PROBE_SET`` or ``GALLERY_SET``
            where the data set's protocol lists them. May be left out for CASIA-B, which is trained on
            001 to 074 and tested on 075 to 124.
        data_in_use: which arrays of a sequence are inputs: a mask (``[true, false]``), or positions in
            the order wanted (``[1, 0]``). Left out: all.
        self_supervised: every training sequence is a class of its own.
        dataset_name: name of a data set with a built-in partition.
    """

    def __init__(
        self,
        dataset_root: str,
        dataset_partition: str | None = None,
        data_in_use: list[bool] | list[int] | None = None,
        self_supervised: bool = False,
        dataset_name: str | None = None,
    ) -> None:
        super().__init__(dataset_root, dataset_partition, dataset_name)
        self.data_in_use = data_in_use
        self.self_supervised = self_supervised
        self._file: PackedFile | None = None
        self._stamp: int | None = None
        self._told = False

    def __getstate__(self) -> dict[str, Any]:
        # Workers open the file themselves.
        return {**self.__dict__, "_file": None}

    def sequences(self, subset: Subset) -> SequenceTable:
        if not self.file().has_checksums:
            self._tell_once()
        return self.find(subset, self.present(subset, self.file().names[0]))

    def load(self, ref: SequenceRef) -> list[Any]:
        arrays = self.file().load(ref.source)
        return arrays if self.data_in_use is None else [arrays[position] for position in self._positions()]

    def streams(self) -> tuple[Stream, ...] | None:
        """As the file says; those of ``data_in_use`` alone where it is given."""
        described = self.file().streams
        if not described or "name" not in described[0]:
            return None
        found = [_stream(each) for each in described]
        return tuple(found if self.data_in_use is None else [found[place] for place in self._positions()])

    def times(self, ref: SequenceRef) -> Mapping[str, np.ndarray]:
        """From the file, where the data that it was made of had some."""
        return self.file().times(ref.source) if self.file().streams else {}

    def _positions(self) -> list[int]:
        use = self.data_in_use or []
        return [i for i, used in enumerate(use) if used] if isinstance(use[0], bool) else list(use)

    def length(self, ref: SequenceRef) -> int:
        """Frames of a sequence's first stream in use, from the file's table."""
        file = self.file()
        return file.length(ref.source, 0 if self.data_in_use is None else self._positions()[0])

    def check(self, *, read_frames: bool = True) -> DataReport:
        """All problems of partition and file at once; reading the frames checks their checksums too."""
        return _check(self, read_frames)

    def file(self) -> PackedFile:
        """The packed data file, opened on first use in each process."""
        if self._file is None:
            opened = PackedFile(self.root)
            self._check_inputs(len(opened.streams) or opened.inputs)
            if self._stamp not in (None, opened.stamp):  # its sequences would be taken for others
                raise DataError(
                    "the packed data file was replaced by another one while it was in use",
                    where=self.root,
                    hint="put the file back as it was and go on with --resume, or start again",
                )
            self._file, self._stamp = opened, opened.stamp
        return self._file

    def find(self, subset: Subset, labels: list[str]) -> SequenceTable:
        """The sequences of these identities, which are all there."""
        file = self.file()
        names, rows = list(file.names), file.sequences
        number = {label: position for position, label in enumerate(names[0])}
        bounds = np.searchsorted(rows["label"], np.arange(len(names[0]) + 1))
        places = [np.arange(*bounds[number[label] :][:2]) for label in labels]
        row = np.concatenate(places) if places else np.empty(0, np.int64)
        codes = np.stack([rows[part][row] for part in SEQUENCE.names or ()])
        table = SequenceTable(names, codes, range(len(rows)), row)
        return table.each_its_own() if self.self_supervised and subset == "train" else table

    def no_identity(self, listed: list[str]) -> DataError:
        there = self.file().names[0]
        return DataError(
            f"no identity of the partition found: expected {', '.join(listed[:3])}, ... "
            f"({len(listed)}), found {', '.join(there[:3])}, ... ({len(there)})",
            where=self.root,
            hint="dataset_root and dataset_partition belong to different data sets",
        )

    def _tell_once(self) -> None:
        # The first process tells what all of them do.
        if not (self._told or (dist.is_available() and dist.is_initialized() and dist.get_rank())):
            log.warning(
                "%s: the packed data file has format 1, without checksums of its sequences: damaged frames "
                "go unnoticed when they are read\n  -> gait-plugins data check verifies the file; "
                "gait-plugins data pack %s NEW.npz packs it anew",
                self.root,
                self.root,
            )
        self._told = True

    def _check_inputs(self, there: int) -> None:
        use = self.data_in_use
        if use is None:
            return
        mask = bool(use) and all(isinstance(item, bool) for item in use)
        usable = any(use) and len(use) <= there if mask else all(0 <= int(item) < there for item in use)
        if not use or not usable:
            raise ConfigError(
                f"data_in_use is {use!r}, but a sequence of {self.root} has {there} arrays",
                where="data_cfg",
                hint="give a mask with at least one true ([true, false]), or positions from 0 ([1, 0])",
            )


def _stream(described: Mapping[str, Any]) -> Stream:
    fields = {name: described[name] for name in ("dtype", "low", "high", "clock", "about")}
    if described["kind"] == Silhouettes.__name__:
        return SILHOUETTES.changed(name=described["name"], clock=described["clock"])
    return Stream(described["name"], tuple(described["shape"]), **fields)


def _check(dataset: PackedSilhouettes, read: bool) -> DataReport:
    """Look at everything that can be looked at."""
    findings = FindingLog()
    refs: dict[str, Sequence[SequenceRef]] = {}
    try:
        partition = dataset.partition()
        there = set(dataset.file().names[0])
        for subset in _SUBSETS:
            listed = partition.of(subset)
            for label in listed:
                if label not in there:
                    findings.warning(
                        f"{subset} identities of the partition are not in the file",
                        "pack the whole data set, or take them out of the partition",
                        label,
                    )
            refs[subset] = dataset.find(subset, [label for label in listed if label in there])
            if listed and not refs[subset]:
                raise dataset.no_identity(listed)
    except DataError as error:
        findings.error(error.message, error.hint or "see the message", error.where)
        return DataReport({}, findings.findings())
    for label in sorted(there - {label for subset in _SUBSETS for label in partition.of(subset)}):
        findings.warning(
            "identities are in no set of the partition",
            "they are never used; add them to TRAIN_SET or TEST_SET to use them",
            label,
        )
    # A store's file is verified as it is read: twice over the network is too much.
    if read and not (is_address(dataset.root) and dataset.file().has_checksums):
        try:
            require_sound(dataset.root)
        except DataError as error:
            findings.error(error.message, error.hint or "see the message", error.where)
    return take_census(dataset, findings, Loads(dataset) if read else None, refs)
