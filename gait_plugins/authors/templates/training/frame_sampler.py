"""A frame sampler: which frames of a sequence are used."""

from __future__ import annotations

import numpy as np

from gait_plugins import FrameSampler


class ExampleFrameSampler(FrameSampler):
    """Every other frame from a random start; a short walk begins anew at its end.

    Args:
        frames: how many.
        random: False: from the first frame.
    """

    def __init__(self, frames: int = 8, random: bool = True) -> None:
        self.frames = frames
        self.random = random

    def indices(self, length: int, rng: np.random.Generator) -> np.ndarray:
        """Frame indices, int64 ``[frames]`` in ``[0, length)``."""
        start = int(rng.integers(0, length)) if self.random else 0
        return (start + 2 * np.arange(self.frames, dtype=np.int64)) % length

    def at_test(self) -> ExampleFrameSampler:
        """As many frames by a rule, so that a test finds the same each time."""
        return ExampleFrameSampler(self.frames, random=False)
