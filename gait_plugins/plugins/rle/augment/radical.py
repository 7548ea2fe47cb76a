"""Radical random linear enhancement: random rectangles, each channel scaled by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.plugins.rle.augment.augmenter import Augmenter
from gait_plugins.plugins.rle.augment.pixels import Images, as_floats, like, peaks_of, store, unit_of
from gait_plugins.plugins.rle.augment.rectangles import ATTEMPTS, Rectangle, RectangleRule

Patch = tuple[Rectangle, np.ndarray]
"""A rectangle and the brightness, float ``[c]`` in [0, 1], that each channel's maximum in it gets."""


class RadicalRLE(Augmenter):
    """Scale the channels of random rectangles until some pixel has lost nearly all of its light.

    In each rectangle, each channel is multiplied by Beta(b, b) / (maximum of the channel there); of a
    sequence, the maximum over all frames. It ends once the scales that have fallen on some pixel
    multiply to less than ``min_out``, or after 100 rectangles. Scales above 1, which brighten a dark
    rectangle, count as 1: they do not give back what an earlier one took. A black rectangle stays
    black. Source: arXiv 2411.01225, section 3.3; the published values are the defaults.

    Args:
        prob: probability of acting on a sequence (on a frame where ``per_frame``).
        min_out: share of the light at which scaling ends.
        beta_factor: b of the Beta distribution, for images of any number of channels.
        sl: smallest area of a rectangle, as a share of the image.
        sh: largest area.
        r1: smallest ratio of height to width, in (0, 1]; the largest is its inverse.
        per_frame: draw separately for each frame.
        eps: smallest divisor.
    """

    def __init__(
        self,
        prob: float = 0.5,
        min_out: float = 0.1,
        beta_factor: float = 0.4,
        sl: float = 0.02,
        sh: float = 0.4,
        r1: float = 0.3,
        per_frame: bool = False,
        eps: float = 1e-12,
    ) -> None:
        super().__init__(prob, per_frame)
        self.min_out = number_within("RadicalRLE", "min_out", min_out, 0, 1)
        self.beta_factor = number_within("RadicalRLE", "beta_factor", beta_factor, 1e-3, 1e3)
        self.eps = number_within("RadicalRLE", "eps", eps, 1e-30, 1)
        self.rule = RectangleRule("RadicalRLE", sl, sh, r1)

    def augment(self, frames: Images, rng: np.random.Generator) -> None:
        channels, height, width = frames.shape[1:]
        self.apply(frames, self.draw_patches(channels, height, width, rng))

    def draw_patches(
        self, channels: int, height: int, width: int, rng: np.random.Generator
    ) -> Iterator[Patch]:
        """Patches without regard to the image; those that do not fit are left out."""
        for _ in range(ATTEMPTS):
            rectangle = self.rule.draw(height, width, rng)
            if rectangle is not None:
                yield rectangle, rng.beta(self.beta_factor, self.beta_factor, channels)

    def apply(self, frames: Images, patches: Iterable[Patch]) -> int:
        """Scale frames ``[t, c, h, w]`` in place by as many of the patches as it takes.

        Returns:
            The number of patches that were used.
        """
        exact = frames
        used: list[Patch] = []
        for rectangle, brightness in patches:
            block = rectangle.of(exact)
            scale = brightness / np.maximum(peaks_of(block) / unit_of(frames), self.eps)
            factors = like(scale, frames)
            used.append((rectangle, np.minimum(scale, 1)))
            ends = light_left(used) < self.min_out
            if ends and exact is frames:
                store(block * factors, block)
                break
            # Not rounded before the end: errors would add up where patches overlap.
            exact = as_floats(exact)
            block = rectangle.of(exact)
            block *= factors
            if ends:
                break
        if exact is not frames:
            for rectangle, _ in used:
                store(1 * rectangle.of(exact), rectangle.of(frames))
        return len(used)


def light_left(patches: Sequence[Patch]) -> float:
    """What of the light is left where the last of the patches took most, by shares ``[c]`` of each."""
    last, share = patches[-1]
    least = float(share.min())
    before = [(rectangle.within(last), other) for rectangle, other in patches[:-1] if other.min() < 1]
    overlapping = [(part, other) for part, other in before if part is not None]
    if not overlapping:
        return least
    left = np.empty((len(share), last.height, last.width), np.float32)
    left[:] = share[:, None, None]
    for part, other in overlapping:
        part.of(left)[:] *= other[:, None, None].astype(np.float32)
    return float(left.min())
