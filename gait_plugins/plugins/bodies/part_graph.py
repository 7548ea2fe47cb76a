"""Graphs of body parts: which parts there are, which are neighbours, and convolutions over them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FINE: tuple[tuple[int, ...], ...] = tuple((label,) for label in range(1, 12))
"""Each label is a part."""
COARSE: tuple[tuple[int, ...], ...] = ((1, 2, 11), (3, 5), (4, 6), (7, 9), (8, 10))
"""Head, torso and dress; each arm with its hand; each leg with its foot."""
_FINE_LINKS = "1-2 1-11 2-3 2-4 2-7 2-8 3-5 3-11 4-6 4-11 7-9 7-11 8-10 8-11"
_COARSE_LINKS = "1-2 1-3 1-4 1-5"
DROPOUT = 0.5


def adjacency(parts: tuple[tuple[int, ...], ...]) -> Tensor:
    """Neighbours of the fine or the coarse parts, themselves included, symmetrically normalised.

    Returns:
        float64 ``[p, p]``: the reciprocal root of the numbers of neighbours of both, 0 between others.
    """
    links = torch.eye(len(parts), dtype=torch.float64)
    for link in (_FINE_LINKS if parts == FINE else _COARSE_LINKS).split():
        first, second = (int(number) - 1 for number in link.split("-"))
        links[first, second] = links[second, first] = 1
    scale = links.sum(1).rsqrt()
    return scale[:, None] * links * scale


class GraphConvolution(nn.Module):
    """A linear map of each part, the sum over its neighbours, and batch norm (Kipf and Welling, ICLR 2017).

    Args:
        parts: of a body.
        channels_in: of each part.
        channels_out: of each part.
    """

    def __init__(self, parts: int, channels_in: int, channels_out: int) -> None:
        super().__init__()
        reach = channels_out**-0.5
        self.weight = nn.Parameter(torch.empty(channels_in, channels_out).uniform_(-reach, reach))
        self.bias = nn.Parameter(torch.empty(channels_out).uniform_(-reach, reach))
        self.bn = nn.BatchNorm1d(channels_out * parts)

    def forward(self, x: Tensor, neighbours: Tensor) -> Tensor:
        """Parts ``[m, p, c]`` and their adjacency ``[p, p]`` to ``[m, p, c']``."""
        mixed = neighbours @ (x @ self.weight) + self.bias
        normed: Tensor = self.bn(mixed.flatten(1))
        return normed.view_as(mixed)


class PartGraph(nn.Module):
    """Two graph convolutions over the parts of a body, each after dropout.

    Args:
        parts: labels of each part.
        channels: of each part.
    """

    neighbours: Tensor

    def __init__(self, parts: tuple[tuple[int, ...], ...], channels: int) -> None:
        super().__init__()
        self.gc1 = GraphConvolution(len(parts), channels, channels)
        self.gc2 = GraphConvolution(len(parts), channels, channels)
        self.register_buffer("neighbours", adjacency(parts).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[m, p, c]`` to ``[m, p, c]``."""
        for layer in (self.gc1, self.gc2):
            x = F.relu(layer(F.dropout(x, DROPOUT, self.training), self.neighbours))
        return x
