"""Random erasing in colour."""

from __future__ import annotations

import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.rle.augment.augmenter import Augmenter
from gait_plugins.plugins.rle.augment.pixels import Images, like, store, unit_of
from gait_plugins.plugins.rle.augment.rectangles import ATTEMPTS, Rectangle, RectangleRule


class RandomErasingRGB(Augmenter):
    """Fill a rectangle of random place, size and shape with one colour, the same in all frames.

    Random Erasing Data Augmentation (Zhong et al., AAAI 2020), with the values that re-identification
    uses; ``RandomErasing`` is the one of gait systems, which blackens smaller rectangles.

    Args:
        prob: probability of acting on a sequence (on a frame where ``per_frame``).
        sl: smallest area of the rectangle, as a share of the image.
        sh: largest area.
        r1: smallest ratio of height to width, in (0, 1]; the largest is its inverse.
        mean: the colour in [0, 1], one value for each channel; images of one channel get the first.
        per_frame: draw separately for each frame.
    """

    def __init__(
        self,
        prob: float = 0.5,
        sl: float = 0.02,
        sh: float = 0.4,
        r1: float = 0.3,
        mean: tuple[float, ...] = (0.4914, 0.4822, 0.4465),
        per_frame: bool = False,
    ) -> None:
        super().__init__(prob, per_frame)
        self.rule = RectangleRule("RandomErasingRGB", sl, sh, r1)
        self.mean = [number_within("RandomErasingRGB", "mean", value, 0, 1) for value in mean]

    def augment(self, frames: Images, rng: np.random.Generator) -> None:
        rectangle = self.draw_rectangle(frames.shape[2], frames.shape[3], rng)
        if rectangle is not None:
            self.apply(frames, rectangle)

    def draw_rectangle(self, height: int, width: int, rng: np.random.Generator) -> Rectangle | None:
        """The first of 100 rectangles that fits, or None."""
        drawn = (self.rule.draw(height, width, rng) for _ in range(ATTEMPTS))
        return next((rectangle for rectangle in drawn if rectangle is not None), None)

    def apply(self, frames: Images, rectangle: Rectangle) -> None:
        """Fill the rectangle of frames ``[t, c, h, w]`` in place."""
        channels = frames.shape[1]
        if channels > 1 and channels != len(self.mean):
            raise ConfigError(
                f"mean has {len(self.mean)} values, but the images have {channels} channels",
                where="RandomErasingRGB",
                hint="give one value in [0, 1] for each channel",
            )
        colour = np.array(self.mean[:channels]) * unit_of(frames)
        store(like(colour, frames), rectangle.of(frames))
