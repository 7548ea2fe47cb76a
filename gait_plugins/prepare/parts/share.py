"""Shares of a source: the sequences that one of several parts prepares."""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gait_plugins.errors import ConfigError
from gait_plugins.prepare.patterns import Name

_PART = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True)
class Part:
    """One of several parts of a preparation.

    Args:
        number: which, from 1.
        of: how many there are.

    Raises:
        ConfigError: the number is not one of these.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise _wrong(f"{self.number}/{self.of}")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


Share = Part | Literal["all", "merge"]
"""What a run does: prepare all, prepare a part, or make one result of the parts."""


def part_of(text: str) -> Part:
    """The part that ``I/N`` names.

    Raises:
        ConfigError: the text is of another form, or I is not from 1 to N.
    """
    match = _PART.fullmatch(text.strip())
    if match is None:
        raise _wrong(text)
    return Part(int(match[1]), int(match[2]))


def own_share(sequences: Mapping[Name, list[str]], root: Path, part: Part) -> dict[Name, list[str]]:
    """The sequences of a part, in their order, each with its files.

    The largest goes first, always to the part that has least; so the parts differ by less than the largest
    sequence. The same source is always divided in the same way, on every machine.

    Args:
        sequences: all of the source, with the files of each below ``root``.
        root: where they lie.
        part: which share.
    """
    weights = _weights(sequences, root)
    # A part beyond the number of sequences gets none.
    loads = [(0, number) for number in range(1, min(part.of, len(sequences)) + 1)]
    mine = set()
    for name in sorted(sequences, key=lambda name: (-weights[name], name)):
        load, number = loads[0]
        heapq.heapreplace(loads, (load + weights[name], number))
        if number == part.number:
            mine.add(name)
    return {name: paths for name, paths in sequences.items() if name in mine}


def _weights(sequences: Mapping[Name, Sequence[str]], root: Path) -> dict[Name, int]:
    """The work that sequences make: their files, or where each is one file its bytes."""
    if any(len(paths) > 1 for paths in sequences.values()):
        return {name: len(paths) for name, paths in sequences.items()}
    return {name: sum(_bytes(root / path) for path in paths) for name, paths in sequences.items()}


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size + 1
    except OSError:  # an image in a table, or one that cannot be read: the preparation tells of it
        return 1


def _wrong(text: str) -> ConfigError:
    return ConfigError(
        f"--shard {text}: expected I/N, part I of N, with I from 1 to N",
        where="data prepare",
        hint="for a preparation in 8 parts, run it with --shard 1/8, --shard 2/8 and so on to --shard 8/8",
    )
