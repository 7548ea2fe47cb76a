"""Lookup of published checkpoints: the file that a name stands for, wherever a checkpoint is named."""

from __future__ import annotations

from pathlib import Path

from gait_plugins.api import PackageFile
from gait_plugins.config import shipped
from gait_plugins.core.weights.cache import fault_of, file_of
from gait_plugins.errors import CheckpointError, ComponentConflict
from gait_plugins.io.printable import megabytes
from gait_plugins.io.weights.part_of_file import MARK
from gait_plugins.registry.manager import default_manager
from gait_plugins.registry.published import NamedCheckpoint
from gait_plugins.suggest import did_you_mean


def located(path: Path) -> Path:
    """The file that a path or the name of a published checkpoint stands for; nothing is fetched.

    A file goes before a name. What is neither comes back as it is, and is reported where it is read.

    Args:
        path: a file, a name, or one of them with ``#PART``.

    Raises:
        CheckpointError: the checkpoint of that name is not fetched, or is damaged.
        ComponentConflict: two packages tell of one by that name.
    """
    if path.is_file():
        return path
    name, mark, part = path.as_posix().partition(MARK)
    if "/" not in name or (mark and Path(name).is_file()):
        return path
    entry = _called(name)
    if entry is None:
        return path
    file = _ready(entry)
    return file.with_name(f"{file.name}{mark}{part}")


def find_entry(name: str) -> NamedCheckpoint:
    """The published checkpoint of a name.

    Raises:
        CheckpointError: no package tells of one; the message holds the nearest names.
        ComponentConflict: two packages do.
    """
    entry = _called(name)
    if entry is not None:
        return entry
    known = " (that is a configuration, whose weights nobody tells of)" if name in shipped() else ""
    raise CheckpointError(
        f"no installed package tells of a checkpoint {name!r}{known}", hint=nearest_names(name)
    )


def published_for(config: str) -> str:
    """The name of a published checkpoint of a configuration; empty where nobody tells of one."""
    found = [entry.name for entry in default_manager().checkpoints() if entry.published.config == config]
    return found[0] if found else ""


def nearest_names(name: str) -> str:
    """A hint for a name that nobody knows."""
    names = [entry.name for entry in default_manager().checkpoints()]
    return did_you_mean(name, names, also="gait-plugins checkpoint list shows the names")


def _called(name: str) -> NamedCheckpoint | None:
    found = default_manager().checkpoints_called(name)
    if len(found) > 1:
        owners = "\n".join(f"  {entry.owner}: {entry.published.address}" for entry in found)
        raise ComponentConflict(
            f"{len(found)} packages tell of a checkpoint {name!r}:\n{owners}",
            hint=f"write {' or '.join(entry.qualified for entry in found)}",
        )
    return found[0] if found else None


def _ready(entry: NamedCheckpoint) -> Path:
    """The file of a published checkpoint, which must be here and right."""
    file = file_of(entry)
    shipped = isinstance(entry.published.address, PackageFile)
    mending = (
        f"reinstall {entry.owner.distribution}" if shipped else f"gait-plugins checkpoint fetch {entry.name}"
    )
    if not file.is_file():
        missing = "is not in its package" if shipped else "is not fetched yet"
        size = megabytes(entry.published.bytes)
        raise CheckpointError(
            f"the published checkpoint {entry.name!r} {missing} ({size})", where=str(file), hint=mending
        )
    if fault := fault_of(file, entry):
        raise CheckpointError(
            f"this is not the published checkpoint {entry.name!r}: {fault}", where=str(file), hint=mending
        )
    return file
