"""Fetching of published checkpoints: once, verified, whole or not at all, and by one process at a time."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gait_plugins.api import HubFile, PackageFile
from gait_plugins.core.weights.cache import fault_of, file_of
from gait_plugins.core.weights.download import Source, download
from gait_plugins.core.weights.hub import hub_source
from gait_plugins.errors import CheckpointError
from gait_plugins.io.atomic import locked, sync_folder, whole_file
from gait_plugins.registry.published import NamedCheckpoint

log = logging.getLogger("gait_plugins")

State = Literal["shipped", "present", "copied", "fetched"]
_PAUSE = 0.2
_CHUNK = 2**20


@dataclass(frozen=True)
class Fetched:
    """A published checkpoint that is here now."""

    path: Path
    state: State


def fetch(entry: NamedCheckpoint, to: Path | None = None) -> Fetched:
    """Get the file of a published checkpoint, unless it is here and right already.

    Args:
        entry: which.
        to: a folder to put it into; None: the cache, where its name is looked up.

    Raises:
        CheckpointError: it cannot be had, is not what was published, or a file of its name in ``to`` is
            another one.
    """
    here = file_of(entry)
    shipped = isinstance(entry.published.address, PackageFile)
    if to is None and shipped:
        _require_right(here, entry)
        return Fetched(here, "shipped")
    target = here if to is None else to / here.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target):
        if target.is_file():
            fault = fault_of(target, entry)
            if not fault:
                return Fetched(target, "present")
            _tell_of_fault(target, entry, fault, is_cached=to is None)
        if target != here and (shipped or (here.is_file() and not fault_of(here, entry))):
            _require_right(here, entry)
            _copy(here, target)
            return Fetched(target, "copied")
        _get(entry, target)
        return Fetched(target, "fetched")


def _require_right(file: Path, entry: NamedCheckpoint) -> None:
    fault = fault_of(file, entry) if file.is_file() else "it is missing"
    if fault:
        raise CheckpointError(
            f"the checkpoint {entry.name!r} of {entry.owner} is damaged: {fault}",
            where=str(file),
            hint=f"reinstall {entry.owner.distribution}",
        )


def _tell_of_fault(target: Path, entry: NamedCheckpoint, fault: str, *, is_cached: bool) -> None:
    if not is_cached:
        raise CheckpointError(
            f"the folder has another file of this name: {fault}",
            where=str(target),
            hint="remove it, or name another folder with --to",
        )
    log.warning("%s is not the published %s: %s; it is fetched again", target, entry.name, fault)


def _get(entry: NamedCheckpoint, target: Path) -> None:
    """Download a file, and put it under its name once it is whole and right."""
    partial = target.with_name(f".{target.name}.part")
    source = _source(entry)
    resumed = download(source, partial, entry.published.bytes, entry.name)
    fault = fault_of(partial, entry)
    if fault and resumed:  # what was there before was of another file
        log.warning("%s: what was there of it does not go with the rest; it is fetched anew", target)
        partial.unlink()
        download(source, partial, entry.published.bytes, entry.name)
        fault = fault_of(partial, entry)
    if fault:
        partial.unlink()
        raise CheckpointError(
            f"what the server sent is not the published checkpoint {entry.name!r}: {fault}",
            where=source.title,
            hint=f"nothing was kept; the file was replaced or changed on the way: tell "
            f"{entry.owner.distribution}",
        )
    with open(partial, "rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, target)
    sync_folder(target.parent)


def _source(entry: NamedCheckpoint) -> Source:
    address = entry.published.address
    if isinstance(address, HubFile):
        return hub_source(address, entry)
    if isinstance(address, PackageFile):
        raise AssertionError("a shipped file is not fetched")
    return Source(address.url)


def _copy(source: Path, target: Path) -> None:
    with open(source, "rb") as read, whole_file(target) as written:
        while chunk := read.read(_CHUNK):
            written.write(chunk)


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Keep other processes from fetching the same file; one that comes later waits, and finds it there."""
    path = target.with_name(f".{target.name}.lock")
    lock = locked(path)
    if lock is None:
        log.info("another process is fetching %s: waiting for it", target)
    while lock is None:
        time.sleep(_PAUSE)
        lock = locked(path)
    with lock:
        yield
        # Not removed: whoever waits has it open.
