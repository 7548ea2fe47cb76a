"""Damaging files bit by bit, and telling whether a reader notices."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gait_plugins.errors import GaitPluginsError

BLOCK = 4096

Damage = tuple[str, bytes]
"""What was done, and the file's content after it."""


def flipped(content: bytes, bits: Iterable[int]) -> Iterator[Damage]:
    """The content with one of these bits flipped, one after the other."""
    for bit in bits:
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit}", bytes(changed)


def spread(content: bytes, count: int, seed: int = 0) -> list[int]:
    """So many bits, one drawn from each of as many equal parts of the content."""
    drawn, total = random.Random(seed), 8 * len(content)
    edges = [total * number // count for number in range(count + 1)]
    return [drawn.randrange(low, max(low + 1, high)) for low, high in pairwise(edges)]


def zeroed(content: bytes) -> Iterator[Damage]:
    """The content with one block of 4 KiB zeroed, one after the other; those that are zero are left out."""
    for start in range(0, len(content), BLOCK):
        block = content[start : start + BLOCK]
        if any(block):
            yield f"block {start}", content[:start] + bytes(len(block)) + content[start + len(block) :]


def truncated(content: bytes, count: int = 40, seed: int = 0) -> Iterator[Damage]:
    """The content cut off at several places."""
    drawn = random.Random(seed)
    for length in sorted({0, 1, len(content) - 1, *(drawn.randrange(len(content)) for _ in range(count))}):
        yield f"cut at {length}", content[:length]


def directory_bits(content: bytes) -> list[int]:
    """All bits of a zip file's directory and of what follows it."""
    return list(range(8 * content.index(b"PK\x01\x02"), 8 * len(content)))


def outcomes(
    path: Path, damages: Iterable[Damage], read: Callable[[Path], Any], errors: type[GaitPluginsError]
) -> Counter[str]:
    """What a reader makes of damaged files.

    It is ``told``, ``harmless`` (the reader gives what it did before), ``silent``, or ``nameless`` (an
    error that does not name the file).

    Args:
        path: a sound file; it is sound again afterwards.
        damages: what is done to it.
        read: what is read of it.
        errors: what the reader may raise.
    """
    sound, expected = path.read_bytes(), read(path)
    found: Counter[str] = Counter()
    try:
        for _, content in damages:
            path.write_bytes(content)
            try:
                outcome = "harmless" if same(read(path), expected) else "silent"
            except errors as error:
                outcome = "told" if path.name in str(error) else "nameless"
            found[outcome] += 1
    finally:
        path.write_bytes(sound)
    return found


def same(one: Any, other: Any) -> bool:
    """Equal in every bit and type."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and same(one.numpy(), other.numpy())
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
