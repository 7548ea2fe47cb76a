"""Cache of fetched checkpoints: where the file of one lies, and whether it is right."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

from gait_plugins.api import PackageFile
from gait_plugins.errors import CheckpointError
from gait_plugins.io.atomic import file_sha256
from gait_plugins.io.folders import CACHE_VARIABLE, user_cache
from gait_plugins.registry.published import NamedCheckpoint

_DIGITS = 16
"""Of the checksum, in the name of a file's folder."""


def cache_root() -> Path:
    """``$GAIT_PLUGINS_CACHE/weights``, else ``gait-plugins/weights`` in the user's cache folder.

    Raises:
        CheckpointError: there is neither the variable nor a home folder.
    """
    folder = user_cache("weights")
    if folder is None:
        raise CheckpointError(
            "no home folder found for the cache of checkpoints",
            hint=f"set the environment variable {CACHE_VARIABLE} to a folder",
        )
    return folder


def file_of(entry: NamedCheckpoint) -> Path:
    """Where the file of a published checkpoint lies, or would lie once it is fetched.

    Raises:
        CheckpointError: it is shipped in a package that is not installed.
    """
    address = entry.published.address
    if not isinstance(address, PackageFile):
        return cache_root() / entry.published.sha256[:_DIGITS] / address.file_name
    try:
        spec = importlib.util.find_spec(address.package)
    except ImportError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise CheckpointError(
            f"the checkpoint {entry.name!r} belongs to the package {address.package}, which is not installed",
            where=str(entry.owner),
            hint=f"install it, or reinstall {entry.owner.distribution}",
        )
    return Path(next(iter(spec.submodule_search_locations))) / address.file


def fault_of(file: Path, entry: NamedCheckpoint) -> str:
    """What is wrong with the content of a file, in words; empty where it is the published one."""
    status = file.stat()
    told = entry.published
    if status.st_size != told.bytes:
        return f"it has {status.st_size} bytes, expected {told.bytes}"
    found = _sha256(file, status.st_size, status.st_mtime_ns)
    return "" if found == told.sha256 else f"its sha256 is {found}, expected {told.sha256}"


@lru_cache(maxsize=64)
def _sha256(file: Path, size: int, changed: int) -> str:
    """The checksum of a file; one that has not changed since is read once."""
    return file_sha256(file)


def state_of(entry: NamedCheckpoint) -> str:
    """Whether a published checkpoint is here: shipped, fetched, not fetched, missing or damaged."""
    is_shipped = isinstance(entry.published.address, PackageFile)
    try:
        file = file_of(entry)
    except CheckpointError:
        return "missing"
    if not file.is_file():
        return "missing" if is_shipped else "not fetched"
    if file.stat().st_size != entry.published.bytes:  # a list reads no file
        return "damaged"
    return "shipped" if is_shipped else "fetched"
