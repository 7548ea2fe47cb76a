"""All sequences of prepared data, independent of any partition."""

from __future__ import annotations

import json
import os
import pickle
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gait_plugins.api import GaitDataset, SequenceRef
from gait_plugins.config import build
from gait_plugins.errors import DataError
from gait_plugins.io.dataset_file import SUFFIX, PackedFile
from gait_plugins.io.folders import SPECIAL, is_hidden, is_special
from gait_plugins.io.remote.address import has_suffix
from gait_plugins.io.remote.listing import entries, open_root


def every_sequence(
    root: Path | str,
    inputs: list[int] | None = None,
    options: Mapping[str, Any] | None = None,
    only: str | None = None,
) -> tuple[GaitDataset, Sequence[SequenceRef]]:
    """A data set over all identities of a folder or packed data file, and its sequences.

    Args:
        root: folder laid out as ID/TYPE/VIEW/FILES, or a packed data file; or the address of one.
        inputs: which files of a view folder, sorted by name; None: all.
        options: how files are read: ``streams`` and ``files`` of OpenGaitLayout; a packed data file knows its
            streams itself.
        only: the one identity of the folder that is wanted; None: all.

    Raises:
        DataError: there is none, or files lie elsewhere than the layout says.
    """
    packed, folders = _found(root)
    labels = PackedFile(str(root)).names[0] if packed else [only] if only else folders
    if not labels:
        raise DataError(
            "no identity folders found", where=str(root), hint="expected ROOT/<id>/<type>/<view>/<files>"
        )
    with tempfile.TemporaryDirectory() as folder:
        # A data set takes its identities from a partition; this one lists them all.
        listed = Path(folder) / "all.json"
        listed.write_text(json.dumps({"TRAIN_SET": labels, "TEST_SET": []}))
        dataset: GaitDataset = build(
            "dataset",
            {
                "type": "PackedSilhouettes" if packed else "OpenGaitLayout",
                "dataset_root": str(root),
                "dataset_partition": str(listed),
                "data_in_use": inputs,
                **({} if packed else options or {}),
            },
        )
        return dataset, dataset.sequences("train")


def each_once(refs: Iterable[SequenceRef]) -> list[SequenceRef]:
    """The sequences in their order, each of them once; sources may be of any kind that can be pickled."""
    found: dict[object, SequenceRef] = {}
    for ref in refs:
        try:
            found.setdefault(ref, ref)
        except TypeError:
            found.setdefault((*ref[:3], pickle.dumps(ref.source)), ref)
    return list(found.values())


def _found(root: Path | str) -> tuple[bool, list[str]]:
    """Whether there is a packed data file; and where there is a folder, the identities in it."""
    if isinstance(root, str):
        if has_suffix(root, SUFFIX):
            return True, []
        open_root(root)
        return False, [each.name for each in entries(root) if each.is_dir() and not is_hidden(each.name)]
    if not root.exists():
        raise DataError(
            "no such folder or packed data file",
            where=str(root),
            hint=f"relative paths start at the working directory ({os.getcwd()})",
        )
    if is_special(root):
        raise DataError(SPECIAL, where=str(root), hint="give a folder or a packed data file")
    return root.is_file(), [] if root.is_file() else _folders(root)


def _folders(root: Path) -> list[str]:
    with os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not is_hidden(entry.name))
