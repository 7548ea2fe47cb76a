"""Pictures at the size that BigGait reads, and the body in the shares of its mask branch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.plugins.colour.models.morphology import dilated, eroded

EDGE = 5
"""Rows at the top and at the bottom that a body does not fill."""
DILATED, ERODED = 3, 5
SIZE = (256, 128)
"""That pictures of another shape than 2:1 are laid on first."""


def widths(ratios: Tensor, height: int) -> list[int]:
    """Columns of pictures of this height, from width divided by height ``[m]``; at least 1."""
    return [max(1, width) for width in (height * ratios).int().tolist()]


def laid(pictures: Tensor, ratios: Tensor, height: int, width: int) -> Tensor:
    """Pictures in their proportions, in the middle of frames of one size: black beside, or cut.

    Args:
        pictures: ``[m, c, h, w]``, whatever their size.
        ratios: width divided by height of what each shows, ``[m]``.
        height: of the result.
        width: of the result.
    """
    columns = widths(ratios, height)
    result = pictures.new_zeros(len(pictures), pictures.shape[1], height, width)
    for each in sorted(set(columns)):
        chosen = torch.tensor([place for place, own in enumerate(columns) if own == each])
        chosen = chosen.to(pictures.device)
        scaled = F.interpolate(pictures[chosen], (height, each), mode="bilinear")
        if each < width:
            left = (width - each) // 2
            result[chosen, :, :, left : left + each] = scaled
        else:  # half the rest, as whole numbers are halved: downwards
            left = -((width - each) // 2)
            result[chosen] = scaled[..., left : left + width]
    return result


def columns_of(ratios: Tensor, height: int, width: int) -> Tensor:
    """Where :func:`laid` leaves a picture and not black, bool ``[m, height, width]``."""
    own = torch.tensor(widths(ratios, height), device=ratios.device)
    left = torch.div(width - own, 2, rounding_mode="floor")
    place = torch.arange(width, device=ratios.device)
    inside = (place >= left[:, None]) & (place < (left + own)[:, None])
    return inside[:, None, :].expand(-1, height, -1)


def fills_edges(mask: Tensor) -> Tensor:
    """Whether masks of 0 and 1 ``[m, h, w]`` fill half of the top and bottom rows, as a background does."""
    rows = mask[:, :EDGE].sum((1, 2)) + mask[:, -EDGE:].sum((1, 2))
    return rows > EDGE * mask.shape[2]


def body_of(shares: Tensor) -> Tensor:
    """The body in the shares of the mask branch: 1 inside, its share on the rim, 0 outside.

    Which of the two channels is the body is not learnt: it is the first, unless that fills the top and the
    bottom of the frame.

    Args:
        shares: ``[m, c, h, w]``, 0 beside the picture.

    Returns:
        ``[m, h, w]``.
    """
    first, second = shares[:, 0], shares[:, 1]
    chosen = torch.where(fills_edges(first.round())[:, None, None], second, first)
    return filled(chosen[:, None])[:, 0]


def filled(shares: Tensor) -> Tensor:
    """Shares ``[m, 1, h, w]`` with holes closed: 1 inside, the share on the rim, 0 outside."""
    wide = dilated(shares.round(), DILATED)
    inside = eroded(wide, ERODED) > 0.5
    return ((wide > 0.5) ^ inside) * shares + inside


def other_channel(first: Tensor, second: Tensor) -> Tensor:
    """Of two masks of 0 and 1, ``[m, h, w]`` each, the one that is the body, frame by frame."""
    return torch.where(fills_edges(first)[:, None, None], second, first)
