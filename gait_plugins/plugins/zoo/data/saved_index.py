"""Saved index of a folder of sequences: what a scan has found, kept until a folder changes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api import FindingLog, Job
from gait_plugins.api.census.processes import in_pieces, is_given, number_of_processes
from gait_plugins.io.archive import Archive, DamagedArchive
from gait_plugins.io.atomic import whole_file
from gait_plugins.io.folders import user_cache
from gait_plugins.plugins.zoo.data.layout_index import Listing
from gait_plugins.plugins.zoo.data.layout_scan import Scanned, last_change, scan_identity
from gait_plugins.prepare.parallel import in_threads

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

log = logging.getLogger("gait_plugins")

AUTO, OFF, RENEW, TRUSTED = "auto", "off", "renew", "trusted"
KINDS = (AUTO, OFF, RENEW, TRUSTED)
FEWEST = 10_000
"""View folders that an index is saved of; fewer are scanned in no time."""
_FORMAT = 1
JUST_NOW = 2_000_000_000
"""Nanoseconds: a folder that was changed so shortly before it was looked at may change again unseen."""
_THREADS = 8
_TRIED = 32
"""Identities that are scanned by one thread, to see whether it waits for the disk."""
_CHEAP = 5
"""A folder is looked at in a fraction of the time that a sequence is read in."""
_PIECE = 2000
"""View folders that a process is given at a time."""
_BATCH = 2000
"""Identities that are held as Python objects at a time."""
_TEXTS, _JSON = ("labels", "types", "views"), "findings"


def listing(root: str, identities: Sequence[str], subset: str, kind: str, findings: FindingLog) -> Listing:
    """What lies below identities: from the saved index where it is still true, else scanned, and saved.

    Args:
        root: the folder of the identities.
        identities: which of them, all there.
        subset: what they are for, as the progress shows it.
        kind: one of :data:`KINDS`.
        findings: what does not fit.
    """
    saved = None if kind == OFF else load(root)
    wanted = np.full(len(identities), -1, np.int64)
    if saved is not None and kind != RENEW:
        known = {label: number for number, label in enumerate(saved.labels)}
        wanted = np.array([known.get(label, -1) for label in identities], np.int64)
        if kind == AUTO:
            wanted[~_fresh(root, saved, wanted)] = -1
    absent = [label for label, number in zip(identities, wanted.tolist(), strict=True) if number < 0]
    found = Listing.joined(list(_listed(root, absent, subset)))
    if saved is not None and (wanted >= 0).any():
        # First those of the index, then the others; in the end in the order wanted.
        kept = saved.chosen(wanted[wanted >= 0]).and_of(found)
        place = {label: number for number, label in enumerate(kept.labels)}
        found = kept.chosen(np.array([place[label] for label in identities], np.int64))
    if absent and kind != OFF:
        _save(root, found, saved)
    found.tell(findings)
    return found


def _listed(root: str, identities: Sequence[str], subset: str) -> Iterator[Listing]:
    """Identities, some at a time and in their order; what is quickest is seen by the first ones.

    Threads look at them where one would wait for the disk. Processes do where a command has been given some,
    and there are many folders.
    """
    if not identities:
        return
    with Job(f"scanning {subset} folders", len(identities), "id") as job:
        waited = _waits()
        first = Listing.of([*_told(map(partial(scan_identity, root), identities[:_TRIED]), job)])
        yield first
        rest = identities[_TRIED:]
        folders = max(1, len(first) // len(first.labels))
        number = number_of_processes(folders * len(rest) // _CHEAP) if is_given() else 1
        if _waits() - waited > _TRIED:
            seen = in_threads(lambda label, stopped: scan_identity(root, label), rest, _THREADS)
        elif number > 1:
            size = max(1, _PIECE // folders)
            for listing in in_pieces(_Scanning(root, rest), len(rest), lambda: size, number):
                job.advance(len(listing.labels))
                yield listing
            return
        else:
            seen = map(partial(scan_identity, root), rest)
        yield from map(Listing.of, _batches(_told(seen, job)))


@dataclass(frozen=True)
class _Scanning:
    """Looks at identities; a process is given one whole."""

    root: str
    identities: Sequence[str]

    def __call__(self, first: int, last: int) -> Listing:
        return Listing.of([scan_identity(self.root, label) for label in self.identities[first:last]])


def _told(scanned: Iterable[Scanned], job: Job) -> Iterator[Scanned]:
    for each in scanned:
        yield each
        job.advance()


def _waits() -> int:
    """How often this thread has waited, for a disk as a rule; 0 where that is not known."""
    if resource is None or not hasattr(resource, "RUSAGE_THREAD"):
        return 0
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def _batches(scanned: Iterator[Scanned]) -> Iterator[list[Scanned]]:
    while some := list(islice(scanned, _BATCH)):
        yield some


def _fresh(root: str, saved: Listing, numbers: np.ndarray) -> np.ndarray:
    """Of which of these identities no folder was changed since it was looked at, bool ``[n]``."""
    latest = saved.label_time.copy()
    np.maximum.at(latest, saved.type_owner, saved.type_time)
    np.maximum.at(latest, saved.type_owner[saved.view_owner], saved.view_time)
    sure = latest <= saved.scanned - JUST_NOW
    types = np.searchsorted(saved.type_owner, np.arange(len(saved.labels) + 1)).tolist()
    views = np.searchsorted(saved.view_owner, np.arange(len(saved.type_owner) + 1)).tolist()

    def unchanged(number: int) -> bool:
        folder = os.path.join(root, saved.labels[number])
        if last_change(folder) != saved.label_time[number]:
            return False
        for kind in range(types[number], types[number + 1]):
            below = f"{folder}{os.sep}{saved.types[saved.type_name[kind]]}"
            if last_change(below) != saved.type_time[kind]:
                return False
            own = slice(views[kind], views[kind + 1])
            names, moments = saved.view_name[own].tolist(), saved.view_time[own].tolist()
            for name, moment in zip(names, moments, strict=True):
                if last_change(f"{below}{os.sep}{saved.views[name]}") != moment:
                    return False
        return True

    found = np.zeros(len(numbers), bool)
    for place, number in enumerate(numbers.tolist()):
        if number >= 0 and sure[number]:
            found[place] = unchanged(number)
    return found


def path_of(root: str) -> Path | None:
    """Where the index of a folder is kept; None where the user has no cache folder.

    It is ``folders`` in ``$GAIT_PLUGINS_CACHE``, else in ``gait-plugins`` in the user's cache folder.
    """
    folder = user_cache("folders")
    if folder is None:
        return None
    digest = hashlib.sha256(os.path.realpath(root).encode("utf-8", "surrogatepass")).hexdigest()
    return folder / f"{digest[:32]}.npz"


def load(root: str) -> Listing | None:
    """The saved index of a folder; None where there is none, or it is damaged or of another version."""
    path = path_of(root)
    if path is None or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            archive = Archive(file)
            if int(archive.array("format")) != _FORMAT:
                return None
            if str(archive.array("root")) != os.path.realpath(root):
                raise ValueError("it is that of another folder")
            found = _from_arrays({each.name: archive.array(each.name) for each in fields(Listing)})
        found.check()
        return found
    except (OSError, DamagedArchive, KeyError, TypeError, ValueError) as error:
        log.warning(
            "%s: the saved index of %s cannot be read (%s): the folders are scanned", path, root, error
        )
        return None


def _save(root: str, found: Listing, before: Listing | None) -> None:
    """Save what was found beside what was known of other identities, where it is much."""
    if before is not None:
        now = set(found.labels)
        others = [number for number, label in enumerate(before.labels) if label not in now]
        others = [number for number in others if os.path.isdir(os.path.join(root, before.labels[number]))]
        found = found.and_of(before.chosen(np.array(others, np.int64)))
    path = path_of(root)
    if len(found) < FEWEST or path is None:
        return
    try:
        with whole_file(path) as file:
            np.savez(file, **_arrays(root, found.compact()))
    except OSError as error:
        log.warning("%s: the index of %s cannot be saved: %s", path, root, error.strerror or error)
        return
    log.info("%s: index of %d view folders saved as %s", root, len(found), path)


def _arrays(root: str, found: Listing) -> dict[str, Any]:
    arrays = {each.name: getattr(found, each.name) for each in fields(Listing)}
    arrays |= {name: np.array(arrays[name], "U") for name in _TEXTS}
    arrays[_JSON] = np.frombuffer(json.dumps(found.findings).encode(), np.uint8)
    arrays["files"] = np.frombuffer(found.files, np.uint8)
    arrays |= {"format": np.array(_FORMAT), "root": np.array(os.path.realpath(root))}
    return arrays


def _from_arrays(arrays: dict[str, np.ndarray]) -> Listing:
    found: dict[str, object] = dict(arrays)
    found |= {name: arrays[name].tolist() for name in _TEXTS}
    found[_JSON] = json.loads(arrays[_JSON].tobytes())
    found["files"] = arrays["files"].tobytes()
    made: Callable[..., Listing] = Listing
    return made(**found)
