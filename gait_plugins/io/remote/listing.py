"""Listings of remote folders, as a scan of folders on this machine sees them; kept on disk for a day."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gait_plugins.errors import DataError
from gait_plugins.io.remote.address import joined, without_query
from gait_plugins.io.remote.cache import cached, keep
from gait_plugins.io.remote.store import found, listed

_KIND = "listing"
_FRESH = 24 * 3600
"""Seconds for which a listing on disk is taken for what lies there."""
_trees: dict[str, Folder] = {}
"""Root -> what lies below it, in this process."""


class Folder(dict[str, "Folder | None"]):
    """Names in a folder -> the folders among them, and None for files."""


class Entry(NamedTuple):
    """Something in a remote folder, with what a scan asks of an ``os.DirEntry``."""

    name: str
    path: str
    folder: bool

    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self.folder


def open_root(root: str, *, anew: bool = False) -> None:
    """List all that lies below a folder, or take the saved listing.

    Args:
        root: its address, masked.
        anew: ask the store, whatever is saved.

    Raises:
        DataError: the folder is not there, is empty, or cannot be listed.
    """
    if "?" in root:
        raise DataError(
            "the address of a folder has a query, which a listing cannot use",
            where=root,
            hint="give a packed data file, or the folder by the credentials of the store's own tools",
        )
    if root in _trees and not anew:
        return
    path = cached(root, _KIND)
    names = None if anew else _saved(path, root)
    if names is None:
        names = list(listed(root))
        if not names:
            raise DataError("the folder does not exist or is empty", where=root, hint="check the address")
        keep(path, [json.dumps({"root": root, "time": time.time(), "files": names}).encode()])
    _trees[root] = _grown(names)


def is_there(address: str) -> bool:
    """Whether there is such a file: by the listing of a root that was opened, else the store is asked."""
    if _root_of(address) is None:
        try:
            return found(address).size >= 0
        except DataError:
            return False
    folder, _, name = address.rpartition("/")
    return any(entry.name == name for entry in entries(folder))


def entries(address: str) -> list[Entry]:
    """What lies in a folder below a root that was opened, sorted by name.

    Raises:
        DataError: there is no such folder.
    """
    root = _root_of(address)
    if root is None:
        open_root(address)
        root = address
    folder: Folder | None = _trees[root]
    for name in filter(None, address[len(root) :].split("/")):
        folder = folder.get(name) if folder is not None else None
    if folder is None:
        raise DataError("there is no such folder", where=address, hint="check the address")
    here = without_query(address)
    return [Entry(name, joined(here, name), inner is not None) for name, inner in sorted(folder.items())]


def _root_of(address: str) -> str | None:
    below = (root for root in _trees if address == root or address.startswith(f"{root.rstrip('/')}/"))
    return next(below, None)


def _grown(names: list[str]) -> Folder:
    tree = Folder()
    for name in names:
        *folders, file = name.split("/")
        here: Folder = tree
        for part in folders:
            inner = here.get(part)
            if inner is None:
                inner = here[part] = Folder()
            here = inner
        here.setdefault(file, None)
    return tree


def _saved(path: Path | None, root: str) -> list[str] | None:
    if path is not None and path.is_file():
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(path.read_bytes())
            if content["root"] == root and 0 <= time.time() - content["time"] < _FRESH:
                return [str(name) for name in content["files"]]
    return None
