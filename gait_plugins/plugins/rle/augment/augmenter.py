"""Base of the augmenters: the shapes of images that they take, and how often they act."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from gait_plugins.api import Transform
from gait_plugins.api.options import number_within
from gait_plugins.errors import DataError
from gait_plugins.plugins.rle.augment.pixels import Images, as_array, is_whole


class Augmenter(Transform):
    """Changes images by random draws; an image, a sequence or a whole batch of them.

    The random decisions (``draw``-methods, from a ``np.random.Generator``) are apart from what they
    do (``apply``), so that given draws can be handed in. Whether to act is drawn for all images first.
    """

    def __init__(self, prob: float, per_frame: bool) -> None:
        self.prob = number_within(type(self).__name__, "prob", prob, 0, 1)
        self.per_frame = per_frame

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A sequence ``[t, h, w]`` or ``[t, c, h, w]``: one draw for all frames, or ``per_frame``."""
        return self.sequence(sequence, rng)

    def sequence(self, frames: Images, rng: np.random.Generator) -> Images:
        """Like calling it; tensors of any device are taken too."""
        count = len(frames)
        shape = (count, 1) if self.per_frame else (1, count)
        return self._augmented(frames, shape, self._channels(frames, (3, 4)), rng)

    def image(self, image: Images, rng: np.random.Generator) -> Images:
        """One image ``[h, w]`` or ``[c, h, w]``."""
        return self._augmented(image, (1, 1), self._channels(image, (2, 3), batched=False), rng)

    def batch(self, images: Images, rng: np.random.Generator, *, inplace: bool = False) -> Images:
        """Images ``[n, h, w]`` or ``[n, c, h, w]``, or sequences ``[n, t, c, h, w]``: a draw for each.

        Args:
            images: on any device.
            rng: of the draws.
            inplace: overwrite ``images``, which saves a copy of the batch.
        """
        channels = self._channels(images, (3, 4, 5))
        frames = images.shape[1] if images.ndim == 5 else 1
        return self._augmented(images, (len(images), frames), channels, rng, inplace=inplace)

    def _channels(self, images: Images, axes: tuple[int, ...], *, batched: bool = True) -> int:
        kind = images.dtype.is_floating_point if isinstance(images, Tensor) else images.dtype.kind == "f"
        if images.ndim not in axes or not (kind or is_whole(images)):
            raise DataError(
                f"found {images.dtype} of shape {list(images.shape)}, expected uint8 or floats with "
                f"{' or '.join(map(str, axes))} axes, height and width last",
                where=type(self).__name__,
                hint="sequence() takes [t, (c,) h, w], image() [(c,) h, w], batch() [n, (t,) (c,) h, w]",
            )
        return images.shape[-3] if images.ndim > min(axes) else 1

    def _augmented(
        self,
        images: Images,
        groups: tuple[int, int],
        channels: int,
        rng: np.random.Generator,
        *,
        inplace: bool = False,
    ) -> Images:
        acts = np.flatnonzero(rng.random(groups[0]) < self.prob)
        if not len(acts) or 0 in images.shape:
            return images
        if isinstance(images, Tensor):
            out = images if inplace else images.clone(memory_format=torch.contiguous_format)
        else:
            out = images if inplace else np.array(images)
        frames = as_array(out) if isinstance(out, Tensor) else out
        grouped = frames.reshape(*groups, channels, *frames.shape[-2:])
        for index in acts:
            self.augment(grouped[int(index)], rng)
        return out

    @abstractmethod
    def augment(self, frames: Images, rng: np.random.Generator) -> None:
        """Change frames ``[t, c, h, w]`` in place by one draw."""
