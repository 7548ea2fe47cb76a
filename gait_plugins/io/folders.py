"""Folders: hidden and special files, suffixes, names sorted by their numbers, the user's cache."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from gait_plugins.errors import DataError

SPECIAL = "not a regular file: a pipe, socket or device"
"""What is wrong with a file that cannot be read to its end."""

CACHE_VARIABLE = "GAIT_PLUGINS_CACHE"
"""The environment variable that names the folder of all that is kept for another time."""
_NUMBERS = re.compile(r"(\d+)")
_HIDDEN = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


def is_hidden(name: str) -> bool:
    """True for what operating systems leave behind (``.DS_Store``, ``Thumbs.db``, dot-files)."""
    return name.startswith(".") or name.lower() in _HIDDEN


def is_special(path: str | os.PathLike[str]) -> bool:
    """True for pipes, sockets and devices, whose reading may never end."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def require_regular(path: str | os.PathLike[str]) -> None:
    """Raise ``OSError`` for a pipe, socket or device, before it is opened: that may never end."""
    if is_special(path):
        raise OSError(errno.EINVAL, SPECIAL, os.fspath(path))


def require_there(paths: Iterable[Path | str]) -> None:
    """See that there are files or folders under these names; addresses, which are texts, are asked for later.

    Raises:
        DataError: one is missing, or a part of it is a file and no folder.
    """
    for path in paths:
        if isinstance(path, str) or path.exists():
            continue
        file = next((above for above in path.parents if above.is_file()), None)
        raise DataError(
            "there is no such file or folder" if file is None else f"{file} is a file and no folder",
            where=str(path),
            hint=f"relative paths start at the working directory ({os.getcwd()})",
        )


def unwritable(path: Path) -> str:
    """Why a file cannot be made under a name, as far as that is known before; nothing where it can be.

    Folders that are missing are no reason: they can be made.
    """
    if path.is_dir():
        return "it is a folder"
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        return f"{above.name} is a file and no folder"
    return "" if os.access(above, os.W_OK | os.X_OK) else f"you may not write to the folder {above}"


def suffix(name: str) -> str:
    """The ending of a file's name in small letters, ``.png``."""
    return os.path.splitext(name)[1].lower()


def by_numbers(name: str) -> list[tuple[int, str]]:
    """Key to sort names by that puts ``frame-2`` before ``frame-10``; ``7`` and ``007`` have an order too."""
    parts = _NUMBERS.split(name)
    keys = [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]
    return [*keys, (0, name)]


def user_cache(kind: str) -> Path | None:
    """``$GAIT_PLUGINS_CACHE/KIND``, else ``gait-plugins/KIND`` in the user's cache folder; None: no home."""
    if root := os.environ.get(CACHE_VARIABLE):
        return Path(os.path.expanduser(root)) / kind
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    base = base or os.path.expanduser("~/.cache")
    return None if base.startswith("~") else Path(base) / "gait-plugins" / kind
