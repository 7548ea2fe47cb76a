"""OpenGait's layout of sequence files on disk."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gait_plugins.api import DataReport, FindingLog, SequenceRef, SequenceTable, Stream, Subset
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.ragged import Frames
from gait_plugins.io.remote.address import is_address
from gait_plugins.io.sequence_file import SUFFIXES, read_frames
from gait_plugins.plugins.zoo.data.layout_check import check_layout
from gait_plugins.plugins.zoo.data.layout_hints import identity_folders, no_identity
from gait_plugins.plugins.zoo.data.layout_index import Listing, choose_by_name, choose_inputs
from gait_plugins.plugins.zoo.data.layout_scan import LAYOUT, check_equal_lengths
from gait_plugins.plugins.zoo.data.layout_streams import named_streams, read_stream, read_times
from gait_plugins.plugins.zoo.data.partitioned import PartitionedDataset
from gait_plugins.plugins.zoo.data.saved_index import AUTO, KINDS, OFF, RENEW, listing

log = logging.getLogger("gait_plugins")


class OpenGaitLayout(PartitionedDataset):
    """Sequences as OpenGait lays them out, ``ROOT/<id>/<type>/<view>/*.pkl`` (or .npy, .npz).

    Several files in a view folder are several inputs of one sequence. Hidden files are skipped.
    Nothing is read before it is asked for.

    Args:
        dataset_root: the folder of the identities, or its address in a store (``s3://bucket/folder``).
        dataset_partition: JSON with ``TRAIN_SET`` and ``TEST_SET``, and ``PROBE_SET`` or ``GALLERY_SET``
            where the data set's protocol lists them. May be left out for CASIA-B, which is trained on
            001 to 074 and tested on 075 to 124.
        data_in_use: which files of a view folder, sorted by name, are inputs: a mask
            (``[true, false]``), or positions in the order wanted (``[1, 0]``). Left out: all.
        streams: what the files are, in the order of the inputs: name -> kind of stream
            (``keypoints: {type: Keypoints}``). Left out: silhouettes, and whatever else there is as them.
        files: name of a stream -> pattern of its file's name (``"*Pose*"``), in place of ``data_in_use``.
        cache: keep every sequence in memory once it is read, in each process that reads it.
        self_supervised: every training sequence is a class of its own.
        dataset_name: name of a data set with a built-in partition.
        saved_index: whether the names of files are kept in the user's cache, so that the next start need not
            list all folders. ``auto``: from 10,000 view folders on; an identity is listed again when one of
            its folders has another time of change. ``renew``: all are listed again. ``trusted``: no folder's
            time is looked at, for a disk where that takes long and data that do not change. ``off``: none.
    """

    indifferent_options = PartitionedDataset.indifferent_options | {"cache", "saved_index"}

    def __init__(
        self,
        dataset_root: str,
        dataset_partition: str | None = None,
        data_in_use: list[bool] | list[int] | None = None,
        cache: bool = False,
        self_supervised: bool = False,
        dataset_name: str | None = None,
        streams: dict[str, Stream] | None = None,
        files: dict[str, str] | None = None,
        saved_index: str | bool = AUTO,
    ) -> None:
        super().__init__(dataset_root, dataset_partition, dataset_name)
        self.data_in_use = _checked_inputs(data_in_use)
        self.declared = named_streams(streams, files, data_in_use)
        self.patterns = files
        self.self_supervised = self_supervised
        self.saved_index = _checked_index(saved_index)
        self._kept: dict[Any, list[Any]] | None = {} if cache else None
        self._listed: dict[Subset, Sequence[SequenceRef]] = {}

    def __getstate__(self) -> dict[str, Any]:
        # What this process holds stays here: workers only load, and keep what they load themselves.
        return {**self.__dict__, "_kept": None if self._kept is None else {}, "_listed": {}}

    def sequences(self, subset: Subset) -> Sequence[SequenceRef]:
        if subset not in self._listed:
            findings = FindingLog()
            present = self.present(subset, identity_folders(self.root))
            refs = self.find(subset, present, findings)
            self._report(findings, refs, present)
            self._listed[subset] = refs
        listed = self._listed[subset]
        return listed if isinstance(listed, SequenceTable) else list(listed)

    def streams(self) -> tuple[Stream, ...] | None:
        """As ``streams`` says."""
        return self.declared

    def times(self, ref: SequenceRef) -> Mapping[str, np.ndarray]:
        """Of streams with a file ``NAME.times.txt`` beside their own: a number a line, in seconds."""
        return {} if self.declared is None else read_times(self.declared, ref.source)

    def load(self, ref: SequenceRef) -> list[Frames]:
        kept = None if self._kept is None else self._kept.get(ref.source)
        if kept is None:
            kept = self.read(ref)
            if self._kept is not None:
                self._kept[ref.source] = kept
        return list(kept)

    def read(self, ref: SequenceRef) -> list[Any]:
        """The sequence's files, whatever is kept in memory."""
        if self.declared is not None:
            return [read_stream(s, path)[0] for s, path in zip(self.declared, ref.source, strict=True)]
        return check_equal_lengths([read_frames(path) for path in ref.source], ref)

    def check(self, *, read_frames: bool = True) -> DataReport:
        """All problems of partition, folders and files at once; the folders are listed, whatever is saved."""
        return check_layout(self, self._find_anew, read_frames, self.declared)

    def find(self, subset: Subset, present: list[str], findings: FindingLog) -> Sequence[SequenceRef]:
        """The sequences of the identities that are there; what does not fit goes to ``findings``."""
        return self._found(subset, present, findings, self.saved_index)

    def _find_anew(self, subset: Subset, present: list[str], findings: FindingLog) -> Sequence[SequenceRef]:
        return self._found(subset, present, findings, OFF if self.saved_index == OFF else RENEW)

    def _found(self, subset: Subset, present: list[str], findings: FindingLog, saved: str) -> SequenceTable:
        # A store's folders have no times of change; its listing is saved as a whole.
        kind = OFF if is_address(self.root) else saved
        found = self._inputs(listing(self.root, present, subset, kind, findings), findings)
        return found.each_its_own() if self.self_supervised and subset == "train" else found

    def _inputs(self, listed: Listing, findings: FindingLog) -> SequenceTable:
        if self.patterns is not None:
            return choose_by_name(self.root, listed, self.patterns, findings)
        return choose_inputs(self.root, listed, self.data_in_use, findings, self.declared)

    def no_identity(self, listed: list[str]) -> DataError:
        return no_identity(self.root, identity_folders(self.root), listed)

    def _report(self, findings: FindingLog, refs: Sequence[SequenceRef], present: list[str]) -> None:
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


def _checked_index(kind: str | bool) -> str:
    found = OFF if kind is False else kind  # YAML reads off as false
    if not isinstance(found, str) or found not in KINDS:
        raise ConfigError(f"saved_index is {kind!r}, expected one of {', '.join(KINDS)}", where="data_cfg")
    return found


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
