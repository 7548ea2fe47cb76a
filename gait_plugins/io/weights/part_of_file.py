"""Part of a file: ``FILE#PART`` names the weights under one key of a checkpoint."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gait_plugins.io.atomic import file_sha256

MARK = "#"


def split_part(path: Path) -> tuple[Path, str | None]:
    """The file and the part of it that ``FILE#PART`` names; a file that is called so is a file.

    Returns:
        The file, and the part, None where none is named.
    """
    if MARK not in path.name or path.is_file():
        return path, None
    name, _, part = path.name.rpartition(MARK)
    file = path.with_name(name) if name else path
    return (file, part) if name and file.is_file() else (path, None)


def part_sha256(path: Path) -> str:
    """What tells weights from others: the SHA-256 of a file, or that of its SHA-256 and a part's name."""
    file, part = split_part(path)
    digest = file_sha256(file)
    return digest if part is None else hashlib.sha256(f"{digest}{MARK}{part}".encode()).hexdigest()
