"""Cache on disk of what an address holds: indexes of packed data files, and listings of folders."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from gait_plugins.io.atomic import whole_file
from gait_plugins.io.folders import user_cache

_DIGITS = 24


def cached(address: str, kind: str) -> Path | None:
    """Where something about an address is kept; None where there is no folder for it.

    Args:
        address: masked, so that no name depends on credentials.
        kind: what is kept.
    """
    folder = user_cache("remote")
    name = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return None if folder is None else folder / f"{name}.{kind}"


def keep(path: Path | None, data: list[bytes]) -> None:
    """Keep something; where that cannot be done, it is fetched again another time."""
    if path is not None:
        with suppress(OSError), whole_file(path) as file:
            for each in data:
                file.write(each)
