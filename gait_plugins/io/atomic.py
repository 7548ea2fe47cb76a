"""Atomic files: written whole or not at all; checksums of files."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PARTIAL = ".partial"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears under ``path`` only once it is complete and on disk.

    Whatever ends the block early - an error, a kill, a full disk - leaves the previous file untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with open(partial, "wb") as file:
            _mark_as_owned(file)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_folder(path.parent)
    except BaseException as error:
        _remove(partial)
        if isinstance(error, OSError) and error.filename in (None, str(partial)):
            error.filename = str(path)  # the file that was asked for; a full disk names none
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with whole_file(path) as file:
        # Bytes of a name that are no UTF-8 are spelt out: in JSON these are its own escapes.
        file.write(text.encode(errors="backslashreplace"))


def is_writable(path: Path) -> bool:
    """Whether a file could be made or replaced under this name; nothing is left behind."""
    if path.is_dir():
        return False
    folder = next((each for each in path.absolute().parents if os.path.lexists(each)), path.absolute().parent)
    if not folder.is_dir():
        return False
    try:
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def remove_partials(folder: Path) -> None:
    """Remove the half-written files of a killed process."""
    for partial in folder.glob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)


def remove_orphans(folder: Path, ending: str) -> None:
    """Remove the folders ``.NAME.PROCESS<ending>`` that killed processes were making under this name."""
    for partial in folder.parent.glob(f".{folder.name}.*{ending}"):
        owner = partial.name.removeprefix(f".{folder.name}.").removesuffix(ending)
        if owner.isdecimal() and (int(owner) == os.getpid() or not is_alive(int(owner))):
            shutil.rmtree(partial, ignore_errors=True)


def locked(path: Path) -> BinaryIO | None:
    """A file, made where it is missing, that is this process's alone until it is closed; None: another's.

    The lock goes with its process, however that ends. Where there are no locks, the file is open alone.
    """
    file = open(path, "ab")  # noqa: SIM115 - it stays open
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError:  # a file system without locks
            pass
    return file


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def _remove_orphans(path: Path) -> None:
    """Remove what killed processes left half-written of this file; what a living process writes stays."""
    start = f".{path.name}."
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            owner = entry.name.removeprefix(start).removesuffix(PARTIAL)
            is_one = entry.name == f"{start}{owner}{PARTIAL}" and owner.isdecimal()
            if is_one and not _is_owned(entry.path, int(owner)):
                _remove(Path(entry.path))


def _mark_as_owned(file: BinaryIO) -> None:
    # A lock goes with its process, however that ends, and is seen from other machines too.
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_owned(partial: str, process: int) -> bool:
    """Whether a living process writes a partial file, here or elsewhere."""
    if fcntl is None:  # Windows removes no file that is open
        return False
    try:
        os.kill(process, 0)
        return True
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        pass
    try:
        with open(partial, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except OSError:
        return True


def _remove(partial: Path) -> None:
    # Where there is no folder, or no right to it, there is nothing to remove; the first error counts.
    with suppress(OSError):
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring the names of a folder to disk: what was made, renamed or removed in it."""
    # The rename itself must survive a power cut; Windows cannot open a folder and does not need to.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            # Some network file systems cannot; the file is complete under its name all the same.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(handle)


def is_alive(process: int) -> bool:
    """Whether a process of this number runs; where that cannot be told, it does."""
    if os.name != "posix":  # elsewhere the question would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
