"""Listings of remote folders, as a scan of folders on this machine sees them; kept on disk for a day."""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections.abc import Iterator
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
_trees: dict[str, list[str]] = {}
"""Root -> paths of all files below it, sorted, in this process."""


class Entry(NamedTuple):
    """Something in a remote folder, with what a scan asks of an ``os.DirEntry``."""

    name: str
    path: str
    folder: bool

    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self.folder

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a file; a store has no links."""
        return not self.folder


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
    _trees[root] = sorted(names)


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
    inner = address[len(root) :].strip("/")
    found = list(_children(_trees[root], f"{inner}/" if inner else "", without_query(address)))
    if not found:
        raise DataError("there is no such folder", where=address, hint="check the address")
    return sorted(found)


def _children(names: list[str], prefix: str, here: str) -> Iterator[Entry]:
    place = bisect_left(names, prefix)
    while place < len(names) and names[place].startswith(prefix):
        name, inside, _ = names[place][len(prefix) :].partition("/")
        yield Entry(name, joined(here, name), bool(inside))
        # "0" comes right after "/": beyond all that lies in the folder.
        place = bisect_left(names, f"{prefix}{name}0", place) if inside else place + 1


def _root_of(address: str) -> str | None:
    below = (root for root in _trees if address == root or address.startswith(f"{root.rstrip('/')}/"))
    return next(below, None)


def _saved(path: Path | None, root: str) -> list[str] | None:
    if path is not None and path.is_file():
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(path.read_bytes())
            if content["root"] == root and 0 <= time.time() - content["time"] < _FRESH:
                return [str(name) for name in content["files"]]
    return None
