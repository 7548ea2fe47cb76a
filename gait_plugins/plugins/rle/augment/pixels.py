"""Pixel operations of the augmenters, on arrays or on tensors of any device.

On a CPU the augmenters work on numpy views of tensors: an operation on one image is too small for
torch's threads, which cost more than they bring.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Images = TypeVar("Images", np.ndarray, Tensor)
"""Arrays or tensors: uint8 in 0..255 or floats in [0, 1]; what goes in comes out."""


def as_array(images: Tensor) -> np.ndarray | Tensor:
    """A numpy view of a tensor where there is one; else the tensor (on a device, bfloat16, with gradient)."""
    if images.device.type != "cpu" or images.dtype == torch.bfloat16 or images.requires_grad:
        return images
    return images.numpy()


def is_whole(images: np.ndarray | Tensor) -> bool:
    """Whether values are whole numbers (0..255), not floats (0..1)."""
    return images.dtype in (np.uint8, torch.uint8)


def unit_of(images: np.ndarray | Tensor) -> float:
    """The value of full brightness: 255 for uint8, 1 for floats."""
    return 255.0 if is_whole(images) else 1.0


def as_floats(images: Images) -> Images:
    """The same values in float32; no copy where they are."""
    return images.float() if isinstance(images, Tensor) else images.astype(np.float32, copy=False)


def like(values: np.ndarray, images: Images) -> Images:
    """Values ``[c]`` as float32 ``[c, 1, 1]``, of the kind and on the device of the images."""
    found = values.astype(np.float32).reshape(-1, 1, 1)
    return torch.from_numpy(found).to(images.device) if isinstance(images, Tensor) else found


def store(values: Images, images: Images) -> None:
    """Write float values into images of any type, rounded where they are whole numbers; spoils ``values``."""
    # Cast before they are spread over the channels.
    if isinstance(images, Tensor):
        images.copy_(values.round_().to(images.dtype) if is_whole(images) else values)
    else:
        images[:] = np.rint(values, out=values).astype(np.uint8) if is_whole(images) else values


def peaks_of(images: np.ndarray | Tensor) -> np.ndarray:
    """The maximum of each channel of ``[t, c, h, w]``, float64 ``[c]``."""
    if isinstance(images, Tensor):
        # One long row for each plane: the maximum over several axes is slow.
        return images.detach().flatten(2).amax(2).amax(0).cpu().double().numpy()
    return np.asarray(images.max((0, 2, 3)), np.float64)
