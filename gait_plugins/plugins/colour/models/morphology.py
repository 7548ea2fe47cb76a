"""Erosion and dilation of masks by a square; what lies outside the picture changes nothing."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def dilated(masks: Tensor, size: int) -> Tensor:
    """The largest value in the square of ``size`` pixels around each, ``[m, c, h, w]``; size is odd."""
    return F.max_pool2d(masks, size, stride=1, padding=size // 2)


def eroded(masks: Tensor, size: int) -> Tensor:
    """The smallest value in the square of ``size`` pixels around each, ``[m, c, h, w]``; size is odd."""
    return -F.max_pool2d(-masks, size, stride=1, padding=size // 2)
