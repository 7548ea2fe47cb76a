"""Layers of a vision transformer, and the places of its patches for pictures of any size."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-6
"""Of the norms."""
Positions = Literal["meta", "transformers", "timm"]
"""Whose way of stretching the places of the patches."""


class Names(NamedTuple):
    """What the parts of a block are called."""

    attention: str
    scale: str
    """Of the two scales, without their numbers."""
    factor: str
    """The weight of a scale."""
    fused: bool
    """Queries, keys and values come from one layer."""


META = Names("attn", "ls", "gamma", fused=True)
TRANSFORMERS = Names("attention", "layer_scale", "lambda1", fused=False)


class Attention(nn.Module):
    """Self-attention of several heads.

    Args:
        channels: of a token.
        heads: that divide them.
        fused: one layer for queries, keys and values, named as Meta's; else as transformers'.
    """

    def __init__(self, channels: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        if fused:
            self.qkv, self.proj = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        else:
            self.q_proj, self.k_proj = nn.Linear(channels, channels), nn.Linear(channels, channels)
            self.v_proj, self.o_proj = nn.Linear(channels, channels), nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[m, t, c]`` to the same."""
        if self.fused:
            parts = self.qkv(tokens).chunk(3, -1)
        else:
            parts = (self.q_proj(tokens), self.k_proj(tokens), self.v_proj(tokens))
        queries, keys, values = (self._by_head(part) for part in parts)
        mixed = F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)
        last = self.proj if self.fused else self.o_proj
        result: Tensor = last(mixed)
        return result

    def _by_head(self, tokens: Tensor) -> Tensor:
        """``[m, t, c]`` to ``[m, heads, t, c / heads]``."""
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class Mlp(nn.Module):
    """Two layers with a GELU between."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[m, t, c]`` to the same."""
        result: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return result


class Scale(nn.Module):
    """A factor for each channel."""

    def __init__(self, channels: int, name: str) -> None:
        super().__init__()
        self.name = name
        self.register_parameter(name, nn.Parameter(torch.ones(channels)))

    def forward(self, tokens: Tensor) -> Tensor:
        """``[m, t, c]`` to the same."""
        factor: Tensor = getattr(self, self.name)
        return tokens * factor


class Block(nn.Module):
    """Attention and a network for each token, each behind a norm, scaled and added.

    Args:
        channels: of a token.
        heads: of the attention.
        hidden: channels within the network.
        names: what the parts are called.
    """

    def __init__(self, channels: int, heads: int, hidden: int, names: Names) -> None:
        super().__init__()
        self.names = names
        self.norm1 = nn.LayerNorm(channels, eps=EPS)
        self.add_module(names.attention, Attention(channels, heads, names.fused))
        self.add_module(f"{names.scale}1", Scale(channels, names.factor))
        self.norm2 = nn.LayerNorm(channels, eps=EPS)
        self.mlp = Mlp(channels, hidden)
        self.add_module(f"{names.scale}2", Scale(channels, names.factor))

    def forward(self, tokens: Tensor) -> Tensor:
        """``[m, t, c]`` to the same."""
        attention = self.get_submodule(self.names.attention)
        first, second = (self.get_submodule(f"{self.names.scale}{number}") for number in (1, 2))
        tokens = tokens + first(attention(self.norm1(tokens)))
        result: Tensor = tokens + second(self.mlp(self.norm2(tokens)))
        return result


def places(learnt: Tensor, height: int, width: int, how: Positions) -> Tensor:
    """Embeddings of the class token and of a grid of patches.

    Args:
        learnt: ``[1, 1 + side * side, c]``, the class token's first.
        height: patches.
        width: patches.
        how: Meta's code stretches by factors that are a little too large, ``(height + 0.1) / side``;
            transformers' to the size; timm's too, with a filter against aliases.

    Returns:
        ``[1, 1 + height * width, c]``.
    """
    side = math.isqrt(learnt.shape[1] - 1)
    if (height, width) == (side, side):
        return learnt
    grid = learnt[:, 1:].float().view(1, side, side, -1).permute(0, 3, 1, 2)
    if how == "meta":
        factors = ((height + 0.1) / side, (width + 0.1) / side)
        stretched = F.interpolate(grid, scale_factor=factors, mode="bicubic")
    else:
        stretched = F.interpolate(grid, (height, width), mode="bicubic", antialias=how == "timm")
    return torch.cat([learnt[:, :1], stretched.flatten(2).transpose(1, 2).to(learnt.dtype)], 1)
