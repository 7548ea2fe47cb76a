"""Random generators of batches and slots, the same as our own trainer's: both hosts draw alike."""

from __future__ import annotations

import zlib

import numpy as np

# As gait_plugins.core.data.seeding has them; a test compares.
_BATCH, _SLOT = 0, 1
_TRANSFORM = 3
"""Transforms draw in the host's main process, apart from the frames that its workers draw."""


def batch_rng(seed: int, number: int) -> np.random.Generator:
    """Draws which sequences make batch ``number``."""
    return np.random.default_rng((_BATCH, seed, number))


def slot_rng(seed: int, number: int, slot: int) -> np.random.Generator:
    """Draws the frames of sequence ``slot`` of the global batch ``number``."""
    return np.random.default_rng((_SLOT, seed, number, slot))


def sequence_rng(seed: int, name: str) -> np.random.Generator:
    """Draws the frames of a test sequence: the same in whatever batch it comes."""
    return slot_rng(seed, 0, slot_of(name))


def slot_of(name: str) -> int:
    """The slot of a test sequence, the same in whatever batch it comes."""
    return zlib.crc32(name.encode())


def transform_rng(seed: int, number: int, slot: int, transform: int) -> np.random.Generator:
    """Draws what transform ``transform`` of the pipeline does to sequence ``slot`` of step ``number``."""
    return np.random.default_rng((_TRANSFORM, seed, number, slot, transform))
