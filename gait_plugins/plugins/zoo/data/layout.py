"""OpenGait's layout of sequence files on disk."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from gait_plugins.api import DataReport, FindingLog, SequenceRef, Subset, track
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.sequence_file import SUFFIXES, read_frames
from gait_plugins.plugins.zoo.data.layout_check import check_layout
from gait_plugins.plugins.zoo.data.layout_hints import identity_folders, no_identity
from gait_plugins.plugins.zoo.data.layout_scan import LAYOUT, check_equal_lengths, choose_inputs, scan
from gait_plugins.plugins.zoo.data.partitioned import PartitionedDataset

log = logging.getLogger("gait_plugins")


class OpenGaitLayout(PartitionedDataset):
    """Sequences as OpenGait lays them out, ``ROOT/<id>/<type>/<view>/*.pkl`` (or .npy, .npz).

    Several files in a view folder are several inputs of one sequence. Hidden files are skipped.
    Nothing is read before it is asked for.

    Args:
        dataset_root: the folder of the identities.
        dataset_partition: JSON with ``TRAIN_SET`` and ``TEST_SET``, and ``PROBE_SET`` or ``GALLERY_SET``
            where the data set's protocol lists them. May be left out for CASIA-B, which is trained on
            001 to 074 and tested on 075 to 124.
        data_in_use: which files of a view folder, sorted by name, are inputs: a mask
            (``[true, false]``), or positions in the order wanted (``[1, 0]``). Left out: all.
        cache: keep every sequence in memory once it is read, in each process that reads it.
        self_supervised: every training sequence is a class of its own.
        dataset_name: name of a data set with a built-in partition.
    """

    indifferent_options = PartitionedDataset.indifferent_options | {"cache"}

    def __init__(
        self,
        dataset_root: str,
        dataset_partition: str | None = None,
        data_in_use: list[bool] | list[int] | None = None,
        cache: bool = False,
        self_supervised: bool = False,
        dataset_name: str | None = None,
    ) -> None:
        super().__init__(dataset_root, dataset_partition, dataset_name)
        self.data_in_use = _checked_inputs(data_in_use)
        self.self_supervised = self_supervised
        self._kept: dict[Any, list[np.ndarray]] | None = {} if cache else None
        self._listed: dict[Subset, list[SequenceRef]] = {}

    def __getstate__(self) -> dict[str, Any]:
        # What this process holds stays here: workers only load, and keep what they load themselves.
        return {**self.__dict__, "_kept": None if self._kept is None else {}, "_listed": {}}

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        if subset not in self._listed:
            findings = FindingLog()
            present = self.present(subset, identity_folders(self.root))
            refs = self.find(subset, present, findings)
            self._report(findings, refs, present)
            self._listed[subset] = refs
        return list(self._listed[subset])

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        kept = None if self._kept is None else self._kept.get(ref.source)
        if kept is None:
            kept = self.read(ref)
            if self._kept is not None:
                self._kept[ref.source] = kept
        return list(kept)

    def read(self, ref: SequenceRef) -> list[np.ndarray]:
        """The sequence's files, whatever is kept in memory."""
        return check_equal_lengths([read_frames(path) for path in ref.source], ref)

    def check(self, *, read_frames: bool = True) -> DataReport:
        """All problems of partition, folders and files at once."""
        return check_layout(self, self.find, read_frames)

    def find(self, subset: Subset, present: list[str], findings: FindingLog) -> list[SequenceRef]:
        """The sequences of the identities that are there; what does not fit goes to ``findings``."""
        walks = scan(self.root, track(present, f"scanning {subset} folders", unit="id"), findings)
        own_class = self.self_supervised and subset == "train"
        return [
            SequenceRef("-".join(walk[:3]) if own_class else walk.label, walk.type, walk.view, walk.files)
            for walk in choose_inputs(walks, self.data_in_use, findings)
        ]

    def no_identity(self, listed: list[str]) -> DataError:
        return no_identity(self.root, identity_folders(self.root), listed)

    def _report(self, findings: FindingLog, refs: list[SequenceRef], present: list[str]) -> None:
        found = findings.findings()
        errors = [finding for finding in found if finding.severity == "error"]
        if errors:
            raise DataError(
                "\n".join(f"{error.count} {error.problem}, first {error.examples[0]}" for error in errors),
                where=self.root,
                hint=f"{errors[0].fix}; gait-plugins data check lists every place",
            )
        if present and not refs:
            raise DataError(
                f"found {len(present)} identity folders of the partition, but no sequence file in them",
                where=self.root,
                hint=f"expected {LAYOUT} with files ending in {', '.join(SUFFIXES)}",
            )
        for finding in found:
            log.warning("%s: %d %s; %s", self.root, finding.count, finding.problem, finding.fix)


def _checked_inputs(data_in_use: list[bool] | list[int] | None) -> list[bool] | list[int] | None:
    if data_in_use is None:
        return None
    kinds = {type(item) for item in data_in_use}
    negative = kinds == {int} and min(data_in_use) < 0
    if kinds not in ({bool}, {int}) or negative or (kinds == {bool} and not any(data_in_use)):
        raise ConfigError(
            f"data_in_use is {data_in_use!r}, expected a mask with at least one true ([true, false]) or "
            "positions from 0 ([1, 0])",
            where="data_cfg",
        )
    return data_in_use
