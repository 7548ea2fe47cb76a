"""The scaling that networks trained on ImageNet expect."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gait_plugins.api import Transform
from gait_plugins.errors import DataError
from gait_plugins.plugins.rle.augmenter import Images, unit_of

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class ImageNetNormalize(Transform):
    """Bring images to zero mean and unit deviation of ImageNet, in float32 and three channels.

    The last transform of a list: it divides uint8 by 255 itself. ``CrossSpectralNet`` normalises on
    the device and needs no such transform; batches then travel as uint8, a quarter of the size.
    """

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A sequence ``[t, h, w]`` or ``[t, c, h, w]``; float32 ``[t, 3, h, w]``."""
        frames = sequence if sequence.ndim == 4 else sequence[:, None]
        return self.batch(frames)

    def batch(self, images: Images) -> Images:
        """Images ``[..., c, h, w]`` with one channel or three, on any device; float32 ``[..., 3, h, w]``."""
        if images.ndim < 3 or images.shape[-3] not in (1, 3):
            raise DataError(
                f"found images of shape {list(images.shape)}, expected one channel or three: [..., c, h, w]",
                where="ImageNetNormalize",
            )
        if isinstance(images, Tensor):
            return normalized(images, unit_of(images))
        given = torch.from_numpy(images if images.flags.writeable else images.copy())
        return normalized(given, unit_of(given)).numpy()


def normalized(images: Tensor, unit: float = 1.0) -> Tensor:
    """Images ``[..., 1 or 3, h, w]``, of brightness 0 to ``unit``, as float32 ``[..., 3, h, w]``."""
    std = torch.tensor(STD, device=images.device).view(3, 1, 1)
    offset = torch.tensor(MEAN, device=images.device).view(3, 1, 1) / std
    # One pass over the result: x / (unit * std) - mean / std.
    scaled = images.float() * (1 / (unit * std))
    return scaled.sub_(offset)
