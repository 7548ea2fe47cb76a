"""Flow between feature maps: where each pixel's features are found again (DenoisingGait, CVPR 2025)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def flow(features: Tensor, others: Tensor, radius: int) -> Tensor:
    """The expected shift, right and down in pixels, ``[m, 2, h, w]``.

    Each pixel of ``features`` is compared with those of ``others`` at most ``radius`` pixels away, across and
    down, and within the picture. The softmax of the scaled dot products is how likely each shift is.

    Args:
        features: ``[m, c, h, w]``.
        others: ``[m, c, h, w]``.
        radius: pixels.
    """
    with torch.autocast(features.device.type, enabled=False):
        features, others = features.float() / features.shape[1] ** 0.5, others.float()
        h, w = features.shape[-2:]
        padded = F.pad(others, [radius] * 4)
        steps = range(2 * radius + 1)
        scores = torch.stack(
            [
                (features * padded[..., down : down + h, right : right + w]).sum(1)
                for down in steps
                for right in steps
            ],
            1,
        )
        shares = scores.masked_fill(_outside(h, w, radius, scores.device), float("-inf")).softmax(1)
        shift = torch.arange(-radius, radius + 1, device=scores.device, dtype=scores.dtype)
        square = shares.view(len(shares), len(steps), len(steps), h, w)
        right = torch.einsum("mkhw,k->mhw", square.sum(1), shift)
        down = torch.einsum("mkhw,k->mhw", square.sum(2), shift)
        return torch.stack([right, down], 1)


def _outside(h: int, w: int, radius: int, device: torch.device) -> Tensor:
    """Which shifts leave the picture, bool ``[(2 radius + 1)^2, h, w]``."""
    shift = torch.arange(-radius, radius + 1, device=device)
    row = torch.arange(h, device=device) + shift.unsqueeze(1)
    column = torch.arange(w, device=device) + shift.unsqueeze(1)
    out_down, out_right = (row < 0) | (row >= h), (column < 0) | (column >= w)
    return (out_down[:, None, :, None] | out_right[None, :, None, :]).flatten(0, 1)
