"""Cache on disk of what an address holds: indexes of packed data files, and listings of folders."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from gait_plugins.io.atomic import whole_file

VARIABLE = "GAIT_PLUGINS_CACHE"
_DIGITS = 24


def cached(address: str, kind: str) -> Path | None:
    """Where something about an address is kept; None where there is no folder for it.

    Args:
        address: masked, so that no name depends on credentials.
        kind: what is kept.
    """
    folder = _folder()
    name = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return None if folder is None else folder / f"{name}.{kind}"


def keep(path: Path | None, data: list[bytes]) -> None:
    """Keep something; where that cannot be done, it is fetched again another time."""
    if path is not None:
        with suppress(OSError), whole_file(path) as file:
            for each in data:
                file.write(each)


def _folder() -> Path | None:
    """``$GAIT_PLUGINS_CACHE/remote``, else ``gait-plugins/remote`` in the user's cache folder."""
    if root := os.environ.get(VARIABLE):
        return Path(os.path.expanduser(root)) / "remote"
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    base = base or os.path.expanduser("~/.cache")
    return None if base.startswith("~") else Path(base) / "gait-plugins" / "remote"
