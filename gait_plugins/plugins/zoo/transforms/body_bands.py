"""Changes of a horizontal band of the body: other clothes, a ragged outline; and GaitSSB's augmentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from gait_plugins.api import Transform, WithProbability
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.transforms.augment import RandomHorizontalFlip
from gait_plugins.plugins.zoo.transforms.compose import Compose
from gait_plugins.plugins.zoo.transforms.lanes import Lanes
from gait_plugins.plugins.zoo.transforms.silhouette import BaseSilCuttingTransform
from gait_plugins.plugins.zoo.transforms.warp import RandomAffine, RandomPerspective

Rows = tuple[int, int]
KERNELS = {
    cv2.MORPH_RECT: ((5, 3), (5, 5), (3, 5)),
    cv2.MORPH_CROSS: ((3, 3), (3, 5), (5, 3)),
    cv2.MORPH_ELLIPSE: ((3, 3), (3, 5), (5, 3)),
}
"""Shape of a structuring element -> its sizes, width first."""
SOLID = 0.2
"""Share of white above which a blurred pixel belongs to the person."""


class _BandTransform(WithProbability):
    """Changes the rows between a random top and a random bottom."""

    def __init__(self, prob: float, top_range: Rows, bot_range: Rows) -> None:
        super().__init__(prob)
        self.top_range, self.bot_range = _rows(top_range), _rows(bot_range)
        if self.top_range[1] >= self.bot_range[0]:
            raise ConfigError(
                f"top_range {list(top_range)} does not end before bot_range {list(bot_range)}",
                where=type(self).__name__,
                hint="every top row must lie above every bottom row",
            )

    def _changed(
        self, sequence: np.ndarray, rng: np.random.Generator, change: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        top = int(rng.integers(*self.top_range, endpoint=True))
        bottom = int(rng.integers(*self.bot_range, endpoint=True))
        if sequence.shape[-2] <= self.top_range[1]:
            raise DataError(
                f"frames of {sequence.shape[-2]}x{sequence.shape[-1]} have no row {self.top_range[1]}",
                where=type(self).__name__,
                hint="set top_range and bot_range to rows of the frames (published: of 64x64 frames)",
            )
        out = sequence.copy()
        band = Lanes(sequence[..., top:bottom, :])
        band.change(change)
        out[..., top:bottom, :] = band.frames()
        return out


class RandomPartDilate(_BandTransform):
    """Thicken a band of the silhouettes, as wider clothes would (Fan et al., TPAMI 2023).

    Args:
        prob: probability of acting on a sequence.
        top_range: first and last row at which the band may begin.
        bot_range: first and last row at which it may end.
    """

    def __init__(self, prob: float = 0.5, top_range: Rows = (12, 16), bot_range: Rows = (36, 40)) -> None:
        super().__init__(prob, top_range, bot_range)

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        shape = list(KERNELS)[int(rng.integers(len(KERNELS)))]
        size = KERNELS[shape][int(rng.integers(len(KERNELS[shape])))]
        kernel = cv2.getStructuringElement(shape, size)
        return self._changed(sequence, rng, lambda band: cv2.dilate(band, kernel))


class RandomPartBlur(_BandTransform):
    """Smooth the outline within a band of the silhouettes and make it solid again.

    Args:
        prob: probability of acting on a sequence (on a frame where ``per_frame``).
        top_range: first and last row at which the band may begin.
        bot_range: first and last row at which it may end.
        per_frame: draw separately for each frame.
    """

    def __init__(
        self,
        prob: float = 0.5,
        top_range: Rows = (9, 20),
        bot_range: Rows = (29, 40),
        per_frame: bool = False,
    ) -> None:
        super().__init__(prob, top_range, bot_range)
        self.per_frame = per_frame

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not self.per_frame:
            return super().__call__(sequence, rng)
        frames = np.split(sequence, len(sequence))
        return np.concatenate([super(RandomPartBlur, self).__call__(frame, rng) for frame in frames])

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        white = 255 if sequence.dtype == np.uint8 else 1

        def smooth(band: np.ndarray) -> np.ndarray:
            blurred = cv2.GaussianBlur(band, (3, 3), 0)
            return (blurred > SOLID * white).astype(band.dtype) * white

        return self._changed(sequence, rng, smooth)


class GaitSSBAugmentation(Compose):
    """GaitSSB's augmentation in its published order (Fan et al., TPAMI 2023), named ``DA4GaitSSB``.

    Affine map, perspective, cut and scaling, flip, dilation and blur of a band.

    Args:
        cutting: pixels to cut on either side; None cuts 10 for every full 64 pixels of width.
        ra_prob: probability of the affine map.
        rp_prob: probability of the perspective.
        rhf_prob: probability of the flip.
        rpd_prob: probability of the dilation.
        rpb_prob: probability of the blur.
        top_range: first and last row at which a band may begin.
        bot_range: first and last row at which it may end.
    """

    def __init__(
        self,
        cutting: int | None = None,
        ra_prob: float = 0.2,
        rp_prob: float = 0.2,
        rhf_prob: float = 0.5,
        rpd_prob: float = 0.2,
        rpb_prob: float = 0.2,
        top_range: Rows = (9, 20),
        bot_range: Rows = (39, 50),
    ) -> None:
        steps: list[Transform] = [
            RandomAffine(ra_prob),
            RandomPerspective(rp_prob),
            BaseSilCuttingTransform(cutting=cutting),
            RandomHorizontalFlip(rhf_prob),
            RandomPartDilate(rpd_prob, top_range, bot_range),
            RandomPartBlur(rpb_prob, top_range, bot_range),
        ]
        super().__init__(steps)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {}


def _rows(bounds: Rows) -> Rows:
    first, last = bounds
    return int(first), int(last)
