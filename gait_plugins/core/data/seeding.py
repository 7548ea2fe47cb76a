"""Seeding: everything random in batch *i* is a pure function of the seed and *i*."""

from __future__ import annotations

import random

import numpy as np
import torch

# The first number keeps the streams of batches, slots and steps apart.
_BATCH, _SLOT, _STEP = 0, 1, 2


def batch_rng(seed: int, number: int) -> np.random.Generator:
    """Draws which sequences make batch ``number``."""
    return np.random.default_rng((_BATCH, seed, number))


def slot_rng(seed: int, number: int, slot: int) -> np.random.Generator:
    """Draws frames and augmentations of sequence ``slot`` of the global batch ``number``."""
    words = (_SLOT, seed, number, slot)
    if min(words) >= 0 and max(words) < 2**32:
        # The same generator, without numpy taking each number apart into words of 32 bits.
        return np.random.default_rng(np.array(words, np.uint32))
    return np.random.default_rng(words)


def seed_step(seed: int, step: int, rank: int, *part: int) -> None:
    """Seed every global generator for one training step of one rank, or for a part of its batch (from 1).

    Dropout and whatever else a component draws from a global generator is then the same in a resumed
    run as in one never interrupted, for any number of processes.
    """
    state = np.random.SeedSequence((_STEP, seed, step, rank, *part)).generate_state(2, np.uint32)
    torch.manual_seed(int(state[0]))
    np.random.seed(state[1])
    random.seed(int(state[1]))
