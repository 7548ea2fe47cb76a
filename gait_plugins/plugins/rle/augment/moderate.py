"""Moderate random linear enhancement: one random mixture of the colours for the whole image."""

from __future__ import annotations

import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.plugins.rle.augment.augmenter import Augmenter
from gait_plugins.plugins.rle.augment.pixels import Images, as_floats, store


class ModerateRLE(Augmenter):
    """Replace all channels by one random mixture of them, so that colour is no cue any more.

    The weights are Beta(b, b) draws divided by their sum. Images of one channel stay as they are. A
    sequence gets one mixture for all its frames. Source: arXiv 2411.01225, section 3.3; the published
    probability is 0.5 and the published b is 0.3.

    Args:
        prob: probability of acting on a sequence (on a frame where ``per_frame``).
        beta_factor: b of the Beta distribution; small ones favour a single channel.
        per_frame: draw separately for each frame.
    """

    def __init__(self, prob: float = 0.5, beta_factor: float = 0.3, per_frame: bool = False) -> None:
        super().__init__(prob, per_frame)
        self.beta_factor = number_within("ModerateRLE", "beta_factor", beta_factor, 1e-3, 1e3)

    def augment(self, frames: Images, rng: np.random.Generator) -> None:
        if frames.shape[1] > 1:
            self.apply(frames, self.draw_weights(frames.shape[1], rng))

    def draw_weights(self, channels: int, rng: np.random.Generator) -> np.ndarray:
        """Weights of the channels, float64 ``[channels]``, of sum 1."""
        drawn = rng.beta(self.beta_factor, self.beta_factor, channels)
        total = drawn.sum()
        # Draws of a tiny b underflow to zero, all of them once in a while.
        return np.asarray(drawn / total if total > 0 else np.full(channels, 1 / channels))

    @staticmethod
    def apply(frames: Images, weights: np.ndarray) -> None:
        """Mix frames ``[t, c, h, w]`` in place by weights ``[c]``."""
        # Plane by plane, which stays in the cache.
        mixed = as_floats(frames[:, 0]) * float(weights[0])
        for channel in range(1, len(weights)):
            mixed += as_floats(frames[:, channel]) * float(weights[channel])
        store(mixed[:, None], frames)
