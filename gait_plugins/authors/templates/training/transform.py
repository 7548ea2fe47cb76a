"""A transform: one sequence to a changed one."""

from __future__ import annotations

import numpy as np

from gait_plugins import Stream, Transform


class ExampleTransform(Transform):
    """Moves the silhouettes of a sequence sideways, all by the same number of pixels.

    Args:
        pixels: how far at most.
    """

    def __init__(self, pixels: int = 3) -> None:
        self.pixels = pixels

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Frames ``[t, h, w]`` or ``[t, c, h, w]`` in, as many out. All randomness comes from ``rng``."""
        by = int(rng.integers(-self.pixels, self.pixels + 1))
        moved = np.roll(sequence, by, axis=-1)  # a copy: the input must not be changed
        if by > 0:
            moved[..., :by] = 0
        elif by < 0:
            moved[..., by:] = 0
        return moved

    def becomes(self, stream: Stream) -> Stream:
        """Frames of the same size and dtype."""
        return stream
