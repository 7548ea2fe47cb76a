"""Random generators: an independent one for each thing drawn, whatever the order of drawing."""

from __future__ import annotations

import zlib

import numpy as np


def generator(seed: int, *scope: str | int) -> np.random.Generator:
    """The generator of ``scope`` (``"walk", 17, "bg-01"``): a pure function of its arguments."""
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in scope]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


def bell(rng: np.random.Generator, mean: float, spread: float) -> float:
    """A normal draw, cut at two spreads, so that nobody is a monster."""
    return mean + spread * float(np.clip(rng.normal(), -2.0, 2.0))
