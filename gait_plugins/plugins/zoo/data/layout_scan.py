"""Scan of the folders ``ROOT/<id>/<type>/<view>/<files>``, with a report of what does not fit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, Protocol

import numpy as np

from gait_plugins.api import FindingLog, SequenceRef
from gait_plugins.errors import DataError
from gait_plugins.io.folders import is_hidden, is_special, suffix
from gait_plugins.io.printable import printable
from gait_plugins.io.remote.address import is_address, joined
from gait_plugins.io.remote.listing import entries as remote_entries
from gait_plugins.io.sequence_file import IMAGE_SUFFIXES, SUFFIXES

LAYOUT = "ROOT/<id>/<type>/<view>/<files>"


class Entry(Protocol):
    """Something in a folder: an ``os.DirEntry``, or what a store lists."""

    @property
    def name(self) -> str:
        """Its own name."""

    @property
    def path(self) -> str:
        """Its path or address."""

    def is_dir(self) -> bool:
        """Whether it is a folder."""

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a file."""


class Walk(NamedTuple):
    """One view folder with its sequence files, sorted."""

    label: str
    type: str
    view: str
    files: tuple[str, ...]


def visible(folder: str, log: FindingLog | None = None) -> Sequence[Entry]:
    """What lies in a folder, sorted by name, without hidden entries. No file is touched for it."""
    try:
        found: list[Entry] = list(remote_entries(folder)) if is_address(folder) else _scanned(folder)
    except OSError as error:
        raise DataError(
            f"the folder cannot be listed: {error.strerror or error}",
            where=folder,
            hint="check that the folder exists and that you may read it",
        ) from error
    shown = [entry for entry in found if not is_hidden(entry.name)]
    if log is not None and len(shown) < len(found):
        for entry in found:
            if is_hidden(entry.name):
                log.warning("hidden files lie among the data", "they are skipped; delete them", entry.path)
    return shown


def below(folder: str, name: str) -> str:
    """The path or address of what lies in a folder."""
    return joined(folder, name) if is_address(folder) else os.path.join(folder, name)


def _scanned(folder: str) -> list[Entry]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=attrgetter("name"))


def scan(
    root: str,
    identities: Iterable[str],
    log: FindingLog,
    files_of: Callable[[str, FindingLog], tuple[str, ...]] | None = None,
) -> list[Walk]:
    """All sequences of these identities: identities as given, types and views sorted.

    Args:
        root: the folder of the identities.
        identities: which of them.
        log: what does not fit.
        files_of: the files that are used of a view's folder; by default its sequence files.
    """
    files_of = files_of or _files
    walks = []
    for label in identities:
        types = _folders(below(root, label), log, "an identity's folder", "two levels too high")
        for kind in types:
            for view in _folders(kind.path, log, "a type's folder", "one level too high"):
                files = files_of(view.path, log)
                if files:
                    walks.append(Walk(label, kind.name, view.name, files))
    return walks


@dataclass(frozen=True)
class Scanned:
    """What lies below an identity."""

    label: str
    time: int
    """When its folder was changed last, in nanoseconds."""
    scanned: int
    """When it was looked at."""
    types: list[tuple[str, int, list[tuple[str, int, tuple[str, ...]]]]]
    """Type folders: name, time, and their view folders: name, time, names of the sequence files."""
    log: FindingLog


def scan_identity(root: str, label: str) -> Scanned:
    """Look at all folders of an identity, sorted; what does not fit is kept beside them."""
    log, began = FindingLog(), time.time_ns()
    folder = below(root, label)
    # Before the folder is listed: what changes after that makes the time another one.
    changed = last_change(folder)
    types = []
    for kind in _folders(folder, log, "an identity's folder", "two levels too high"):
        moment = last_change(kind.path)
        views = []
        for view in _folders(kind.path, log, "a type's folder", "one level too high"):
            path = view.path
            time_of_view = last_change(path)
            names = _plain_names(path) or tuple(map(os.path.basename, _files(path, log)))
            views.append((view.name, time_of_view, names))
        types.append((kind.name, moment, views))
    return Scanned(label, changed, began, types, log)


def _plain_names(view: str) -> tuple[str, ...]:
    """Names of what lies in a folder, sorted, where all of it are sequence files, as a rule; else nothing."""
    if is_address(view):
        return ()
    names = []
    try:
        with os.scandir(view) as entries:
            for entry in entries:
                name = entry.name
                if not name.endswith(SUFFIXES) or name[0] == "." or not entry.is_file(follow_symlinks=False):
                    return ()
                names.append(name)
    except OSError:
        return ()  # it is told of where the folder is looked at closely
    names.sort()
    return tuple(names)


def last_change(folder: str) -> int:
    """When something was made, renamed or removed in a folder last, in nanoseconds; 0 where that is unknown.

    The second of its two times cannot be set back, as copying programs do with the first.
    """
    try:
        found = os.stat(folder)
    except OSError:
        return 0
    return max(found.st_mtime_ns, found.st_ctime_ns)


def _folders(parent: str, log: FindingLog, place: str, level: str) -> list[Entry]:
    entries = visible(parent, log)
    if not entries:
        log.warning("folders are empty", "fill them or delete them", parent)
    folders = [entry for entry in entries if entry.is_dir()]
    if len(folders) == len(entries):
        return folders
    for entry in entries:
        if not entry.is_dir():
            if suffix(entry.name) in SUFFIXES + IMAGE_SUFFIXES:
                log.error(
                    f"files lie directly in {place}, {level}",
                    f"expected {LAYOUT}: add the missing folder level",
                    entry.path,
                )
            else:
                log.warning(f"other files lie in {place}", "they are skipped; move them away", entry.path)
    return folders


def _files(view: str, log: FindingLog) -> tuple[str, ...]:
    entries = visible(view, log)
    if entries and all(suffix(e.name) in SUFFIXES and _is_plain(e) for e in entries):
        return tuple(entry.path for entry in entries)  # as a rule; nothing is asked of the disk for it
    files = tuple(e.path for e in entries if suffix(e.name) in SUFFIXES and not e.is_dir())
    for path in filter(is_special, files):
        log.warning("special files (pipes, sockets, devices) lie in view folders", "they are skipped", path)
    files = tuple(file for file in files if not is_special(file))
    folders = [entry for entry in entries if entry.is_dir()]
    images = [entry for entry in entries if suffix(entry.name) in IMAGE_SUFFIXES]
    if folders:
        log.error(
            "folders lie in view folders, one level too deep",
            f"expected {LAYOUT}: remove the extra folder level, or set dataset_root one folder deeper",
            folders[0].path,
        )
    elif images and not files:
        log.error(
            "view folders hold single images instead of one file of all frames",
            "convert them: gait-plugins data prepare SOURCE TARGET --dataset NAME",
            view,
        )
    elif not files:
        log.warning("view folders hold no sequence file", "they are skipped; fill or delete them", view)
    return files


def _is_plain(entry: Entry) -> bool:
    return entry.is_file(follow_symlinks=False) if isinstance(entry, os.DirEntry) else not entry.is_dir()


def check_equal_lengths(sources: list[np.ndarray], ref: SequenceRef) -> list[np.ndarray]:
    """The inputs of one sequence, where all have as many frames.

    Raises:
        DataError: they do not; names the files and their lengths.
    """
    if len(sources) > 1 and len({len(frames) for frames in sources}) > 1:
        lengths = ", ".join(
            f"{printable(path)} has {len(f)}" for path, f in zip(ref.source, sources, strict=True)
        )
        raise DataError(
            f"the inputs of {printable(ref.name)} differ in their number of frames: {lengths}",
            hint="make the files of one view folder from the same frames, or choose inputs with "
            "data_cfg.data_in_use",
        )
    return sources
