"""Generated walks on disk: one checked, packed data file per identity, safe for several processes at once."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.folders import CACHE_VARIABLE, user_cache

DIGEST = 16
_ANOTHER = f"set cache_dir, or the environment variable {CACHE_VARIABLE}, to a writable folder"


def default_root() -> Path:
    """``$GAIT_PLUGINS_CACHE/walkers``, else ``walkers`` in the user's cache folder."""
    folder = user_cache("walkers")
    if folder is None:
        raise DataError("no home folder found for the cache of the walkers", hint=_ANOTHER)
    return folder


class Cache:
    """Arrays by name, made when they are missing or damaged.

    A file is an ``.npy`` array followed by a digest of its bytes. It is written under a temporary
    name and renamed, so a reader never sees half of it; two processes that make the same file make
    the same bytes, so it does not matter whose rename comes last.

    Args:
        root: folder of all caches.
        options: everything that the arrays depend on; each set of options has a folder of its own.
        keep: keep files open, each of which was verified; otherwise a file is opened for each array that is
            asked for, and verified for the first one.
    """

    def __init__(self, root: Path, options: Mapping[str, Any], *, keep: bool = True) -> None:
        self.options = dict(options)
        text = json.dumps(self.options, sort_keys=True)
        self.folder = root / hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self._keep = keep
        self._open: dict[str, np.ndarray] = {}
        self._verified: set[str] = set()

    def exists(self, name: str) -> bool:
        """True where there is a file, whole or not."""
        return self._path(name).is_file()

    def has(self, name: str) -> bool:
        """True where the file exists and is whole."""
        return name in self._open or self._read(name) is not None

    def get(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of that name, memory-mapped; ``make`` is called where there is none yet."""
        if name in self._verified:
            return self._mapped(name)
        if name not in self._open:
            array = self._read(name)
            if array is None:
                self.put(name, make())
                array = self._read(name)
            if array is None:
                raise DataError(
                    f"{self._path(name)} was written, but is damaged when read back",
                    hint="check the disk, or set cache_dir to a folder on another one",
                )
            if not self._keep:
                self._verified.add(name)
                return array
            self._open[name] = array
        return self._open[name]

    def __getstate__(self) -> dict[str, Any]:
        # Workers map the files themselves.
        return {**self.__dict__, "_open": {}, "_verified": set()}

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def _read(self, name: str) -> np.ndarray | None:
        path = self._path(name)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from error
        if _digest(content[:-DIGEST]) != content[-DIGEST:]:
            return None
        return self._mapped(name)

    def _mapped(self, name: str) -> np.ndarray:
        try:
            array: np.ndarray = np.load(self._path(name), mmap_mode="r", allow_pickle=False)
        except OSError as error:
            raise _unusable(self._path(name), error) from error
        return array

    def put(self, name: str, array: np.ndarray) -> None:
        """Write an array."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        content = buffer.getvalue()
        readme = self.folder / "options.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not readme.exists():
                _replace(readme, json.dumps(self.options, indent=1).encode())
            _replace(self._path(name), content + _digest(content))
        except OSError as error:
            raise _unusable(self._path(name), error) from error
        self._open.pop(name, None)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _unusable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"the walkers' cache cannot be used: {error.strerror or error}",
        where=str(path),
        hint=_ANOTHER,
    )
