"""GaitAlign: persons brought to one size, with a gradient to every pixel (Liang et al., ECCV 2022)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

FULL = 1.0
"""Pixels of the mask that a row must hold to count as the person's."""


class Boxes(NamedTuple):
    """Of the person in each frame, in pixels; columns count the empty ones at the sides."""

    left: Tensor
    top: Tensor
    right: Tensor
    bottom: Tensor


class GaitAlign(nn.Module):
    """Crop the person from head to foot, centre him, and give him back his width.

    The crop is the average of bilinear samples, so many in each pixel that none is passed over (RoIAlign
    without the half-pixel shift). Samples lie on a grid, so the crop is one matrix over the columns and one
    over the rows of each frame.

    Args:
        H: height of the crops.
        W: width of the crops; half of it is added to either side as empty columns.
    """

    def __init__(self, H: int = 64, W: int = 44) -> None:
        super().__init__()
        self.height, self.width = H, W

    def forward(self, maps: Tensor, masks: Tensor, ratios: Tensor) -> Tensor:
        """Crops ``[m, c, H, W]``; the gradient goes to the maps alone.

        Args:
            maps: ``[m, c, h, w]``.
            masks: where the person is, 0 or 1, ``[m, 1, h, w]``. Without any pixel, the crop is empty.
            ratios: width divided by height of the box that a frame was cut from, ``[m]``.
        """
        with torch.no_grad(), torch.autocast(maps.device.type, enabled=False):
            h, w = maps.shape[-2:]
            margin = self.width // 2
            boxes = self._boxes(masks.float(), ratios.float())
            across = _weights(boxes.left, boxes.right, self.width, w + 2 * margin)
            across = across[:, :, margin : margin + w]
            down = _weights(boxes.top, boxes.bottom, self.height, h)
        with torch.autocast(maps.device.type, enabled=False):
            narrow = torch.matmul(maps.float(), across.mT.unsqueeze(1))
            return torch.matmul(down.unsqueeze(1), narrow)

    def _boxes(self, masks: Tensor, ratios: Tensor) -> Boxes:
        masks = masks[:, 0]
        _, h, w = masks.shape
        rows, columns = masks.sum(2), masks.sum(1)
        filled = (rows >= FULL).float().cumsum(1)
        top = (filled == 0).sum(1).float()
        bottom = (filled != filled.amax(1, keepdim=True)).sum(1).float() + 1
        centre = (columns.cumsum(1) < columns.sum(1, keepdim=True) / 2).sum(1).float()
        # A person narrower than the crop is shown with what stands beside him.
        missing = ((self.width - self.height * ratios) / 2).clamp(min=0) / (ratios * self.height / w)
        half = (bottom - top) * w / h / 2
        margin = self.width // 2
        middle, end = centre + margin, w + 2 * margin
        # One after the other, as published: places of samples are rounded in the same way.
        left, right = middle - half - missing, middle + half + missing
        return Boxes(left.clamp(0, end), top, right.clamp(0, end), bottom)


def _weights(start: Tensor, end: Tensor, bins: int, size: int) -> Tensor:
    """How much of each pixel every bin between ``start`` and ``end`` (``[m]``) takes, ``[m, bins, size]``."""
    length = (end - start).clamp(min=1)
    width = length / bins
    samples = torch.ceil(width).long()
    most = int(samples.max()) if len(samples) else 1
    number = torch.arange(most, device=start.device)
    inner = (number + 0.5) * width.unsqueeze(1) / samples.unsqueeze(1)
    first = start.unsqueeze(1) + torch.arange(bins, device=start.device) * width.unsqueeze(1)
    place = first.unsqueeze(2) + inner.unsqueeze(1)
    inside = (place >= -1) & (place <= size) & (number < samples.unsqueeze(1)).unsqueeze(1)
    share = inside.float() / samples.view(-1, 1, 1)
    place = place.clamp(0, size - 1)
    low = place.floor().clamp(max=max(size - 2, 0))
    upper = (place - low) * share
    weights = place.new_zeros(len(start), bins, size)
    weights.scatter_add_(2, low.long(), share - upper)
    return weights.scatter_add_(2, (low.long() + 1).clamp(max=size - 1), upper)
