"""Workplace of a film that is segmented: a hidden folder, with the checkpoint to go on from."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import cv2

from gait_plugins.api.video.frames import Film
from gait_plugins.config.film_section import VideoSection
from gait_plugins.errors import DataError
from gait_plugins.films.reading import FilmSource
from gait_plugins.io.atomic import is_alive, locked, write_text
from gait_plugins.io.printable import json_text
from gait_plugins.version import __version__

log = logging.getLogger("gait_plugins")

ENDING = ".partial"
"""Of the hidden folder in which tracks are made: ``.<film>.<process>.partial``."""
WRITTEN = (".csv", ".png", ".mp4")
"""Endings of the files of a film, beside the report."""
_INNER, _CHECKPOINT, _LOCK = ".work", "checkpoint.json", "lock"
_HEAD = 1 << 20
"""Bytes at the beginning of a film that tell it from another."""


@dataclass
class Checkpoint:
    """Where a run stands between two chapters of a film."""

    frame: int
    """Number of the first frame of the next chapter."""
    chapters: int
    """Chapters that are done."""
    tracks: int
    """The highest number of a track."""
    table: int
    """Bytes of the table of times and boxes."""
    report: dict[str, Any]
    """What is known of the film so far."""


class Workplace:
    """The hidden folder of one film; it becomes that of a killed run where one is found that fits.

    Args:
        target: the folder in which the tracks are to appear.
        source: the film.
        video: the components and their settings.
        annotated: whether the annotated film is made.
        fresh: take up nothing of an earlier run.
    """

    def __init__(
        self, target: Path, source: FilmSource, video: VideoSection, annotated: bool, fresh: bool = False
    ) -> None:
        self.folder = target / f".{source.film.name}.{os.getpid()}{ENDING}"
        self.inner = self.folder / _INNER
        """What is needed on the way, and does not appear in the target."""
        self._asked = source, video, annotated
        self._lock: BinaryIO | None = None
        self.checkpoint = self._adopted(target, source.film.name, fresh)
        """Where an earlier run was cut off; None: there is nothing to go on from."""
        self.inner.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock or locked(self.inner / _LOCK)

    @cached_property
    def _identity(self) -> dict[str, Any]:
        """What has to be the same for a run to go on where another was cut off."""
        source, video, annotated = self._asked
        specs = [video.segmenter, video.tracker, *([video.pose_estimator] if video.pose_estimator else [])]
        settings = {**json.loads(json.dumps(video.plain(), default=str)), "annotated": annotated}
        versions = [__version__, cv2.__version__, *(str(spec.component.owner) for spec in specs)]
        return {"film": _fingerprint(source.path), "settings": settings, "versions": versions}

    def keep(self, checkpoint: Checkpoint) -> None:
        """Bring a checkpoint to disk; whatever it speaks of has to be there already."""
        known = {"identity": self._identity, "checkpoint": vars(checkpoint)}
        write_text(self.inner / _CHECKPOINT, json_text(known))
        self.checkpoint = checkpoint

    def keep_only(self, tracks: set[str]) -> None:
        """Remove the tracks of a chapter that was not finished."""
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in (_INNER, *tracks):
                shutil.rmtree(path)

    def appear(self, target: Path) -> None:
        """Move what was made to the target: the tracks first, and the report last.

        Raises:
            DataError: another run has written tracks of that film there meanwhile.
        """
        # Killed on the way, nobody goes on from here: what was moved would be missing.
        (self.inner / _CHECKPOINT).unlink(missing_ok=True)
        made = [path for path in self.folder.iterdir() if path.name != _INNER]
        for path in sorted(made, key=lambda path: (path.suffix == ".json", not path.is_dir(), path.name)):
            try:
                path.rename(target / path.name)
            except OSError as error:
                if not path.is_dir() or not (target / path.name).exists():
                    raise
                raise DataError(
                    "another run has written these tracks meanwhile",
                    where=str(target / path.name),
                    hint="choose another folder, or delete these tracks first",
                ) from error

    def leave(self) -> None:
        """Let another run take up what was done."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Remove the folder."""
        self.leave()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _adopted(self, target: Path, name: str, fresh: bool) -> Checkpoint | None:
        """Take up the farthest run of this film that was cut off; all others of it are removed."""
        left = {
            path: lock for path in target.glob(f".{_escaped(name)}.*{ENDING}") for lock in _left(path, name)
        }
        known = {path: read for path in left if (read := _read(path))}
        fitting = {path: at for path, (those, at) in known.items() if those == self._identity}
        best = None if fresh else max(fitting, key=lambda path: fitting[path].frame, default=None)
        for path, lock in left.items():
            if path == best:
                self._lock = lock
            else:
                shutil.rmtree(path, ignore_errors=True)
                if lock is not None:
                    lock.close()
        if best is None:
            if known:
                log.info("%s", _anew(next(iter(known.values()))[0], self._identity, fresh))
            return None
        best.rename(self.folder)
        return fitting[best]


def check_target(target: Path, film: Film) -> None:
    """See that a film's tracks can be written below a folder.

    Raises:
        DataError: it is a file, or holds tracks of a film of that name already, or the film itself.
    """
    if target.exists() and not target.is_dir():
        raise DataError(
            "the target is a file, expected a folder",
            where=str(target),
            hint="choose a folder, or a path that does not exist yet",
        )
    files = (target / f"{film.name}{ending}" for ending in WRITTEN)
    in_the_way = next((path for path in files if path.exists()), None)
    held = [target / f"{film.name}.json", *target.glob(f"{_escaped(film.name)}-[0-9][0-9][0-9][0-9]")]
    there = next((path for path in held if path.exists()), None)
    if there is not None:
        raise DataError(
            f"tracks of a film called {film.name!r} are there already",
            where=str(there),
            hint="choose another folder, or delete these tracks first",
        )
    if in_the_way is not None:
        raise DataError(
            "a file of that name would be written over",
            where=str(in_the_way),
            hint="choose another folder: the one that the film lies in is none",
        )


def _left(folder: Path, name: str) -> list[BinaryIO | None]:
    """The lock of a hidden folder that was left by a run that is over; nothing where it is not."""
    owner = folder.name.removeprefix(f".{name}.").removesuffix(ENDING)
    if not owner.isdecimal() or not folder.is_dir():
        return []
    if (folder / _INNER / _LOCK).exists():
        lock = locked(folder / _INNER / _LOCK)
        return [] if lock is None else [lock]
    return [] if int(owner) != os.getpid() and is_alive(int(owner)) else [None]


def _read(folder: Path) -> tuple[dict[str, Any], Checkpoint] | None:
    try:
        known = json.loads((folder / _INNER / _CHECKPOINT).read_text(encoding="utf-8"))
        return known["identity"], Checkpoint(**known["checkpoint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _anew(known: dict[str, Any], wanted: dict[str, Any], fresh: bool) -> str:
    if fresh:
        return "what an earlier run has done is thrown away: the film begins anew"
    keys = [key for key in wanted if known.get(key) != wanted[key]]
    return (
        "an earlier run was cut off, but this one cannot go on from there: "
        f"not the same {' and '.join(keys)}; the film begins anew"
    )


def _fingerprint(path: Path) -> list[Any]:
    if path.is_dir():
        digest = hashlib.sha256()
        for entry in sorted(path.iterdir()):
            about = entry.stat()
            digest.update(f"{os.fsencode(entry.name)!r} {about.st_size} {about.st_mtime_ns}\n".encode())
        return [digest.hexdigest()]
    about = path.stat()
    with open(path, "rb") as file:
        head = hashlib.sha256(file.read(_HEAD)).hexdigest()
    return [about.st_size, about.st_mtime_ns, head]


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
