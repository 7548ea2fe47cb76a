"""Errors for a root without identities of the partition: what was found, and the likely mistake."""

from __future__ import annotations

import os
from collections.abc import Collection

from gait_plugins.errors import DataError
from gait_plugins.io.dataset_file import SUFFIX as PACKED_SUFFIX
from gait_plugins.io.remote.address import has_suffix, is_address, joined, without_query
from gait_plugins.io.remote.listing import open_root
from gait_plugins.io.sequence_file import IMAGE_SUFFIXES, SUFFIXES
from gait_plugins.plugins.zoo.data.layout_scan import LAYOUT, visible
from gait_plugins.plugins.zoo.data.partition_file import PLACEHOLDER

_LOOKED_INTO = 50


def identity_folders(root: str, *, anew: bool = False) -> list[str]:
    """Names of the folders directly under the root, sorted.

    Args:
        root: the folder, or its address in a store.
        anew: a saved listing of a store's folder is not taken.

    Raises:
        DataError: there is no such folder.
    """
    if is_address(root):
        return _remote_folders(root, anew)
    if os.path.isdir(root):
        return [entry.name for entry in visible(root) if entry.is_dir()]
    if os.path.basename(os.path.normpath(root)) == PLACEHOLDER:
        raise DataError(
            f"dataset_root is still the placeholder {PLACEHOLDER!r}",
            where="data_cfg.dataset_root",
            hint="set -o data_cfg.dataset_root=DIR -o data_cfg.dataset_partition=FILE",
        )
    if os.path.isfile(root) and root.endswith(PACKED_SUFFIX):
        raise DataError(
            "dataset_root is a packed data file, expected a folder",
            where=root,
            hint="set -o data_cfg.type=PackedSilhouettes, which reads packed data files",
        )
    what = "is a file, expected a folder" if os.path.exists(root) else "does not exist"
    raise DataError(
        f"dataset_root {what}",
        where=root,
        hint=f"set -o data_cfg.dataset_root=/path/to/data, laid out as {LAYOUT}; relative paths start at the "
        f"working directory ({os.getcwd()})",
    )


def _remote_folders(root: str, anew: bool) -> list[str]:
    if has_suffix(root, PACKED_SUFFIX):
        raise DataError(
            "dataset_root is a packed data file, expected a folder",
            where=root,
            hint="set -o data_cfg.type=PackedSilhouettes, which reads packed data files",
        )
    open_root(root, anew=anew)
    return [entry.name for entry in visible(root) if entry.is_dir()]


def no_identity(root: str, folders: list[str], identities: Collection[str]) -> DataError:
    """The error for a root that holds none of the identities, with the likely reason."""
    expected = _few(sorted(identities))
    found = f"folders {_few(folders)}" if folders else "no folders"
    message = f"no identity of the partition found: expected folders {expected}, found {found}"
    return DataError(message, where=root, hint=_reason(root, folders, frozenset(identities)))


def _reason(root: str, folders: list[str], identities: frozenset[str]) -> str:
    for folder in folders[:_LOOKED_INTO]:
        inner = joined(root, folder) if is_address(root) else os.path.join(root, folder)
        if any(entry.name in identities for entry in visible(inner)):
            return f"the root is one folder level too high: use -o data_cfg.dataset_root={inner}"
    upper = without_query(root) if is_address(root) else os.path.abspath(root)
    for levels in ("one folder level", "two folder levels", "three folder levels"):
        upper, name = os.path.split(upper)
        if name in identities:
            return f"the root is {levels} too deep: use -o data_cfg.dataset_root={upper}"
    by_spelling = {_bare(identity): identity for identity in identities}
    for folder in folders:
        if _bare(folder) in by_spelling:
            return (
                f"the names differ in spelling: {folder!r} on disk, {by_spelling[_bare(folder)]!r} in the "
                "partition; rename the folders or correct the partition"
            )
    if not folders and any(_is_data(entry.name) for entry in visible(root)):
        return f"the files lie directly in the root, expected {LAYOUT}"
    return (
        "dataset_root and dataset_partition belong to different data sets, or the data are not unpacked yet"
    )


def _bare(name: str) -> str:
    # "1", "001" and "id_001" are one person in different spellings.
    digits = "".join(filter(str.isdigit, name))
    return digits.lstrip("0") if digits else name.lower()


def _is_data(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES + IMAGE_SUFFIXES


def _few(names: list[str], count: int = 3) -> str:
    shown = ", ".join(names[:count])
    return f"{shown}, ... ({len(names)})" if len(names) > count else shown
