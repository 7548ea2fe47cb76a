"""What lies in folders beside the data."""

from __future__ import annotations

import os

_HIDDEN = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


def is_hidden(name: str) -> bool:
    """True for what operating systems leave behind (``.DS_Store``, ``Thumbs.db``, dot-files)."""
    return name.startswith(".") or name.lower() in _HIDDEN


def suffix(name: str) -> str:
    """The ending of a file's name in small letters, ``.png``."""
    return os.path.splitext(name)[1].lower()
