"""The scaling that networks trained on ImageNet expect."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from gait_plugins.api import Transform
from gait_plugins.errors import DataError
from gait_plugins.plugins.rle.augment.pixels import Images, is_whole, unit_of

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
        """Images ``[..., c, h, w]`` with one channel or three, on any device; float32 ``[..., 3, h, w]``.

        :func:`normalized` also takes a tensor to write into, which saves the time that new memory takes.
        """
        if images.ndim < 3 or images.shape[-3] not in (1, 3):
            raise DataError(
                f"found images of shape {list(images.shape)}, expected one channel or three: [..., c, h, w]",
                where="ImageNetNormalize",
            )
        # torch takes no array that is read-only or runs backwards, as a mirrored one does.
        given = (
            images if isinstance(images, Tensor) else torch.from_numpy(np.require(images, None, ["C", "W"]))
        )
        if not (given.is_floating_point() or is_whole(given)):
            raise DataError(
                f"found images of {given.dtype}, expected uint8 or floats in [0, 1]",
                where="ImageNetNormalize",
            )
        found = normalized(given, unit_of(given))
        return found if isinstance(images, Tensor) else found.numpy()


def normalized(images: Tensor, unit: float = 1.0, out: Tensor | None = None) -> Tensor:
    """Images of brightness 0 to ``unit`` at the mean and deviation of ImageNet.

    Args:
        images: ``[..., 1 or 3, h, w]``.
        unit: the value of full brightness.
        out: float32 ``[..., 3, h, w]`` to write into.
    """
    planes = images.expand(*images.shape[:-3], 3, *images.shape[-2:])
    scaled = torch.empty(planes.shape, device=images.device) if out is None else out
    if images.device.type == "cpu" and images.dtype == torch.uint8:
        shape = (-1, *planes.shape[-3:])
        _normalized_bytes(planes.reshape(shape).numpy(), unit, scaled.view(shape).numpy())
        return scaled
    mean = torch.tensor(MEAN, device=images.device).view(3, 1, 1)
    std = torch.tensor(STD, device=images.device).view(3, 1, 1)
    # Copied first: arithmetic between whole numbers and floats takes several times as long.
    return scaled.copy_(planes).mul_(1 / (unit * std)).sub_(mean / std)


def _normalized_bytes(images: np.ndarray, unit: float, out: np.ndarray) -> None:
    """uint8 images ``[n, 3, h, w]`` in one pass over the memory."""
    for source, target in zip(images, out, strict=True):
        for plane, scaled, mean, std in zip(source, target, MEAN, STD, strict=True):
            cv2.addWeighted(plane, 1 / (unit * std), plane, 0, -mean / std, scaled, cv2.CV_32F)
