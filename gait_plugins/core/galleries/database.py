"""The database of a gallery: its tables, how it is opened and made, and its errors in words.

SQLite in WAL mode, which is set once, at creation: many read while one writes. Every connection overwrites
what it deletes (``secure_delete``) and brings every commit to disk.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gait_plugins.core.galleries.vectors import PRIVATE
from gait_plugins.errors import DataError, GaitPluginsError
from gait_plugins.io.atomic import remove_orphans, sync_folder

FORMAT = 1
"""Raised when an older version could no longer read what this one writes."""
DATABASE, VECTORS = "gallery.sqlite", "vectors.bin"
PATIENCE = 30.0
"""Seconds that a writer waits for another one."""
MAKING = ".making"
"""Ending of a gallery that is not whole yet."""
_PRIVATE_FOLDER = 0o700
_TRIES = 6
_PASSING = ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_PROTOCOL")
_TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE person (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE sequence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person INTEGER NOT NULL REFERENCES person(id),
    name TEXT NOT NULL,
    condition TEXT NOT NULL,
    view TEXT NOT NULL,
    recorded TEXT NOT NULL,
    frames INTEGER,
    source TEXT NOT NULL,
    slot INTEGER NOT NULL UNIQUE,
    vector_crc INTEGER NOT NULL,
    row_crc INTEGER NOT NULL,
    UNIQUE (person, name)
);
CREATE TABLE free (slot INTEGER PRIMARY KEY);
CREATE TABLE threshold (metric TEXT PRIMARY KEY, record TEXT NOT NULL);
"""


def make_gallery(folder: Path, about: Mapping[str, str]) -> None:
    """Make an empty gallery, whole or not at all; where one has come meanwhile, that one stays.

    Args:
        folder: what it is to be called.
        about: what it is to know of itself.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_orphans(folder, MAKING)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}{MAKING}")
    partial.mkdir(mode=_PRIVATE_FOLDER)
    try:
        for name in (DATABASE, VECTORS):
            os.close(os.open(partial / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        with in_words(folder):
            connection = sqlite3.connect(partial / DATABASE, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_TABLES)
            known = {**about, "format": str(FORMAT), "slots": "0", "removals": "0"}
            connection.executemany("INSERT INTO about VALUES (?, ?)", known.items())
            connection.close()
        sync_folder(partial)
        try:
            os.rename(partial, folder)
        except OSError:
            if not (folder / DATABASE).is_file():
                raise
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def connect(folder: Path) -> sqlite3.Connection:
    """Open the database of a gallery.

    Raises:
        DataError: there is none, or it is damaged, of a future format, or cannot be opened here.
    """
    path = folder / DATABASE
    if not folder.is_dir() or not path.is_file():
        raise DataError(
            f"this is no gallery: the folder has no {DATABASE}"
            if folder.is_dir()
            else "there is no such file or folder",
            where=str(folder),
            hint="gait-plugins enroll CONFIG DATA --gallery GALLERY makes one, under a name that is free",
        )
    with in_words(folder):
        for waited in range(_TRIES):
            try:
                return _opened(path, folder)
            except sqlite3.OperationalError as error:
                # The last to leave removes the files of the WAL while the next one comes in.
                if waited == _TRIES - 1 or not getattr(error, "sqlite_errorname", "").startswith(_PASSING):
                    raise
                time.sleep(0.05 * 2**waited)
    raise AssertionError("unreachable")


def _opened(path: Path, folder: Path) -> sqlite3.Connection:
    # On a medium that nobody can write to, nobody can change what is read either.
    still = "&immutable=1" if _is_read_only(folder) else ""
    mode = "rw" if os.access(folder, os.W_OK) and not still else "ro"
    uri = f"{path.resolve().as_uri()}?mode={mode}{still}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=PATIENCE, check_same_thread=False
    )
    try:
        for setting in ("secure_delete = ON", "synchronous = FULL", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute("PRAGMA foreign_keys = ON")
        _check_format(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """A change that is committed whole, or not at all; other writers wait for its end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """The database as it is now, whatever is written meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def in_words(folder: Path) -> Iterator[None]:
    """Errors of SQLite as errors that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _named(error, folder) from error


def _named(error: sqlite3.Error, folder: Path) -> GaitPluginsError:
    name = getattr(error, "sqlite_errorname", "") or _name_of(str(error))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        said = f"another process has been writing to the gallery for {PATIENCE:.0f} seconds"
        return DataError(said, where=str(folder), hint="wait for it, and try again")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return DataError(
            f"the gallery cannot be opened for this: {error}",
            where=str(folder),
            hint="its folder and files must be writable for you, for reading too: readers and writers "
            "know of each other by files beside the database",
        )
    if name.startswith("SQLITE_FULL") or name.startswith("SQLITE_IOERR"):
        return DataError(
            f"the disk refuses: {error}",
            where=str(folder),
            hint="free some disk space, and try again; what was enrolled before is intact",
        )
    return DataError(
        f"the database is damaged, or not of a gallery: {error}",
        where=str(folder / DATABASE),
        hint="copy the gallery again, or enroll the sequences again",
    )


def _name_of(text: str) -> str:
    """The name of an error of SQLite by its text: Python 3.10 gives no other."""
    names = {
        "locked": "SQLITE_BUSY",
        "readonly": "SQLITE_READONLY",
        "unable to open": "SQLITE_CANTOPEN",
        "disk is full": "SQLITE_FULL",
        "disk I/O error": "SQLITE_IOERR",
    }
    return next((name for words, name in names.items() if words in text), "")


def _check_format(connection: sqlite3.Connection, folder: Path) -> None:
    found = connection.execute("SELECT value FROM about WHERE key = 'format'").fetchone()
    number = int(found[0]) if found and str(found[0]).isdecimal() else 0
    if number > FORMAT:
        raise DataError(
            f"the gallery has format {number}, this version reads up to {FORMAT}",
            where=str(folder),
            hint="update gait-plugins-trackletgait",
        )


def _is_read_only(folder: Path) -> bool:
    if not hasattr(os, "statvfs"):  # Windows
        return False
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
