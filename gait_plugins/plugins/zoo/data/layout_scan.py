"""Scan of the folders ``ROOT/<id>/<type>/<view>/<files>``, with a report of what does not fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple, Protocol

import numpy as np

from gait_plugins.api import FindingLog, SequenceRef, Stream
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
    if log is not None:
        for entry in found:
            if is_hidden(entry.name):
                log.warning("hidden files lie among the data", "they are skipped; delete them", entry.path)
    return [entry for entry in found if not is_hidden(entry.name)]


def _scanned(folder: str) -> list[Entry]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


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
        place = joined(root, label) if is_address(root) else os.path.join(root, label)
        types = _folders(place, log, "an identity's folder", "two levels too high")
        for kind in types:
            for view in _folders(kind.path, log, "a type's folder", "one level too high"):
                files = files_of(view.path, log)
                if files:
                    walks.append(Walk(label, kind.name, view.name, files))
    return walks


def choose_inputs(
    walks: Sequence[Walk],
    data_in_use: Sequence[bool] | Sequence[int] | None,
    log: FindingLog,
    streams: Sequence[Stream] | None = None,
) -> list[Walk]:
    """Keep the files that are used as inputs; a bool mask, or positions in the order wanted.

    Every sequence must have the same number of inputs, one for each of ``streams`` where they are given:
    those that differ (from the most) are errors.
    """
    chosen = [walk._replace(files=_in_use(walk.files, data_in_use)) for walk in walks]
    numbers = [len(walk.files) for walk in chosen]
    usual = max(set(numbers), key=numbers.count, default=0)
    if data_in_use is not None:
        usual = sum(data_in_use) if isinstance(data_in_use[0], bool) else len(data_in_use)
    if streams is not None:
        usual = len(streams)
    kept = []
    for walk, number in zip(chosen, numbers, strict=True):
        if number == usual:
            kept.append(walk)
        else:
            log.error(
                f"view folders give {number} input files, expected {usual}",
                "add the missing files, remove the surplus ones, or choose inputs with "
                "data_cfg.data_in_use (null: all files of a folder)",
                os.path.join(walk.label, walk.type, walk.view),
            )
    return kept


def choose_by_name(walks: Sequence[Walk], patterns: Mapping[str, str], log: FindingLog) -> list[Walk]:
    """Keep the files of streams, each found by a pattern of its name; sequences that lack one are errors."""
    kept = []
    for walk in walks:
        found = {
            name: [file for file in walk.files if fnmatchcase(os.path.basename(file), pattern)]
            for name, pattern in patterns.items()
        }
        place = os.path.join(walk.label, walk.type, walk.view)
        odd = [name for name, files in found.items() if len(files) != 1]
        for name in odd:
            log.error(
                f"view folders have {len(found[name])} files {patterns[name]!r} of the stream {name!r}, "
                "expected 1",
                "correct the pattern in data_cfg.files, or add or remove files",
                place,
            )
        if not odd:
            kept.append(walk._replace(files=tuple(files[0] for files in found.values())))
    return kept


def _in_use(files: tuple[str, ...], use: Sequence[bool] | Sequence[int] | None) -> tuple[str, ...]:
    if use is None:
        return files
    if isinstance(use[0], bool):
        return tuple(file for file, used in zip(files, use, strict=False) if used)
    return tuple(files[position] for position in use if position < len(files))


def _folders(parent: str, log: FindingLog, place: str, level: str) -> list[Entry]:
    entries = visible(parent, log)
    if not entries:
        log.warning("folders are empty", "fill them or delete them", parent)
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
    return [entry for entry in entries if entry.is_dir()]


def _files(view: str, log: FindingLog) -> tuple[str, ...]:
    entries = visible(view, log)
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


def check_equal_lengths(sources: list[np.ndarray], ref: SequenceRef) -> list[np.ndarray]:
    """The inputs of one sequence, where all have as many frames.

    Raises:
        DataError: they do not; names the files and their lengths.
    """
    if len({len(frames) for frames in sources}) > 1:
        lengths = ", ".join(
            f"{printable(path)} has {len(f)}" for path, f in zip(ref.source, sources, strict=True)
        )
        raise DataError(
            f"the inputs of {printable(ref.name)} differ in their number of frames: {lengths}",
            hint="make the files of one view folder from the same frames, or choose inputs with "
            "data_cfg.data_in_use",
        )
    return sources
