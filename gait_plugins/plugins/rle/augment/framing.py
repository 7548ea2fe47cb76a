"""Transforms of images: shifts within a black margin, and grey images."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.rle.augment.augmenter import Augmenter
from gait_plugins.plugins.rle.augment.moderate import ModerateRLE
from gait_plugins.plugins.rle.augment.pixels import Images

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class RandomGrayscale(Augmenter):
    """Replace red, green and blue by their brightness (ITU-R BT.601); other images stay as they are.

    Args:
        prob: probability of acting on a sequence (on a frame where ``per_frame``).
        per_frame: draw separately for each frame.
    """

    def __init__(self, prob: float = 0.5, per_frame: bool = False) -> None:
        super().__init__(prob, per_frame)

    def augment(self, frames: Images, rng: np.random.Generator) -> None:
        if frames.shape[1] == len(_LUMA):
            ModerateRLE.apply(frames, _LUMA)


class RandomPadCrop(Augmenter):
    """Pad with black and cut a random part of the original size: a shift in any direction.

    Args:
        padding: pixels on every side.
        per_frame: draw separately for each frame.
    """

    def __init__(self, padding: int = 10, per_frame: bool = False) -> None:
        super().__init__(1.0, per_frame)
        if isinstance(padding, bool) or not isinstance(padding, int) or padding < 0:
            raise ConfigError(f"padding is {padding!r}, expected pixels >= 0", where="RandomPadCrop")
        self.padding = padding

    def augment(self, frames: Images, rng: np.random.Generator) -> None:
        down, right = (int(shift) for shift in self.draw_shift(rng))
        self.apply(frames, down, right)

    def draw_shift(self, rng: np.random.Generator) -> np.ndarray:
        """Pixels down and to the right, int64 ``[2]`` in [-padding, padding]."""
        return rng.integers(-self.padding, self.padding, 2, endpoint=True)

    @staticmethod
    def apply(frames: Images, down: int, right: int) -> None:
        """Shift frames ``[t, c, h, w]`` in place; what comes from outside is black."""
        before = frames.clone() if isinstance(frames, Tensor) else frames.copy()
        frames[:] = 0
        (to_rows, from_rows), (to_columns, from_columns) = _overlap(down), _overlap(right)
        seen = before[..., from_rows, from_columns]
        if 0 not in seen.shape:
            frames[..., to_rows, to_columns] = seen


def _overlap(shift: int) -> tuple[slice, slice]:
    """Where an axis' values go to and come from."""
    if shift >= 0:
        return slice(shift, None), slice(None, -shift or None)
    return slice(None, shift), slice(-shift, None)
