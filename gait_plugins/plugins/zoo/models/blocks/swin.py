"""A Video Swin Transformer over feature maps of silhouettes (Liu et al., CVPR 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.plugins.zoo.models.blocks.windows import Size, Windows, windows_of

WINDOW: Size = (3, 3, 5)
SHIFT: Size = (1, 1, 2)
PATCH = 2
MLP_RATIO = 4
STD = 0.02


class WindowAttention(nn.Module):
    """Attention of several heads within windows, with a learnt bias for each relative position.

    Args:
        width: channels.
        heads: heads.
        size: of a window.
    """

    def __init__(self, width: int, heads: int, size: Size = WINDOW) -> None:
        super().__init__()
        self.heads = heads
        spans = [2 * extent - 1 for extent in size]
        table = torch.empty(spans[0] * spans[1] * spans[2], heads)
        self.relative_position_bias_table = nn.Parameter(nn.init.trunc_normal_(table, std=STD))
        self.register_buffer("relative_position_index", _relative_positions(size))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, windows: Windows) -> Tensor:
        """Windows of tokens ``[m, k, c]`` to the same."""
        m, k, _ = x.shape
        query, key, value = self.qkv(x).view(m, k, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        index = cast(Tensor, self.relative_position_index)
        bias = self.relative_position_bias_table[index].permute(2, 0, 1).to(query.dtype)
        counts = [group.size for group in windows.groups]
        parts = zip(query.split(counts), key.split(counts), value.split(counts), windows.groups, strict=True)
        seen = torch.cat([_attend(q, k_, v, bias, group.together) for q, k_, v, group in parts])
        mixed: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return mixed


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, together: Tensor | None) -> Tensor:
    if together is not None:
        bias = bias.masked_fill(~together, -torch.inf)
    return F.scaled_dot_product_attention(query, key, value, bias.unsqueeze(0))


def _relative_positions(size: Size) -> Tensor:
    """Row of the bias table for each pair of places in a window, int64 ``[k, k]``."""
    # In numpy: torch imports sympy for sums of tensors without data, which `config check` makes.
    places = np.indices(size).reshape(len(size), -1).T
    apart = places[:, None] - places[None] + (np.array(size) - 1)
    _, height, width = (2 * extent - 1 for extent in size)
    return torch.tensor((apart[..., 0] * height + apart[..., 1]) * width + apart[..., 2], dtype=torch.int64)


class SwinBlock(nn.Module):
    """Window attention and a two-layer perceptron, each added to its input.

    Args:
        width: channels.
        heads: attention heads.
        drop_path: probability with which a sequence skips either in training (Huang et al., ECCV 2016).
    """

    def __init__(self, width: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Perceptron(width)

    def forward(self, x: Tensor, windows: Windows, tokens: Tensor) -> Tensor:
        """All tokens ``[sum(tokens), c]``; ``tokens`` ``[n]`` is how many each sequence has."""
        attended = windows.join(self.attn(windows.cut(self.norm1(x)), windows))
        x = x + self._dropped(attended, tokens)
        return x + self._dropped(self.mlp(self.norm2(x)), tokens)

    def _dropped(self, x: Tensor, tokens: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return x
        keep = 1 - self.drop_path
        factor = x.new_empty(len(tokens)).bernoulli_(keep) / keep
        return x * factor.repeat_interleave(tokens, output_size=len(x)).unsqueeze(1)


class Perceptron(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class SwinStage(nn.Module):
    """Blocks of which every second one has its windows shifted, and a map to twice the width.

    Args:
        width: channels.
        heads: attention heads.
        drop_paths: probability of skipping each block.
        doubles: end with a norm and a linear map to ``2 * width`` channels.
    """

    def __init__(self, width: int, heads: int, drop_paths: Sequence[float], doubles: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(SwinBlock(width, heads, p) for p in drop_paths)
        self.downsample = (
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width, bias=False)) if doubles else None
        )

    def forward(self, x: Tensor, plans: tuple[Windows, Windows], tokens: Tensor) -> Tensor:
        """All tokens; ``plans`` are the windows as they are and shifted."""
        for number, block in enumerate(self.blocks):
            x = block(x, plans[number % 2], tokens)
        return x if self.downsample is None else self.downsample(x)


class PatchEmbedding(nn.Module):
    """A linear map of 2x2 patches of each frame, normalised.

    Args:
        in_channels: channels of the maps.
        width: channels of a token.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(in_channels, width, (1, PATCH, PATCH), (1, PATCH, PATCH))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Frames ``[f, c, h, w]`` to ``[f, h / 2, w / 2, width]``."""
        patches = F.conv2d(x, self.proj.weight.squeeze(2), self.proj.bias, stride=PATCH)
        out: Tensor = self.norm(patches.permute(0, 2, 3, 1))
        return out


class VideoSwin(nn.Module):
    """Two stages of shifted-window attention over the frames of sequences, without merging of tokens.

    Args:
        in_channels: channels of the maps.
        width: channels of the first stage; the second has twice as many.
        depths: blocks of each stage.
        heads: attention heads of each stage.
        drop_path: probability of skipping the last block; earlier ones less, in equal steps from 0.
    """

    def __init__(
        self, in_channels: int, width: int, depths: tuple[int, int], heads: tuple[int, int], drop_path: float
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(in_channels, width)
        steps = max(sum(depths) - 1, 1)
        rates = [drop_path * number / steps for number in range(sum(depths))]
        self.layers = nn.ModuleList(
            [
                SwinStage(width, heads[0], rates[: depths[0]], doubles=True),
                SwinStage(2 * width, heads[1], rates[depths[0] :], doubles=False),
            ]
        )
        self.norm = nn.LayerNorm(2 * width)

    def forward(self, x: Tensor, lengths: Sequence[int]) -> Tensor:
        """Frames ``[f, c, h, w]`` to ``[f, h / 2, w / 2, 2 * width]``.

        Args:
            x: maps of the frames of all sequences, one sequence after the other.
            lengths: frames of each sequence.
        """
        maps = self.patch_embed(x)
        f, h, w, _ = maps.shape
        plans = tuple(windows_of(lengths, (h, w), WINDOW, by, x.device) for by in ((0, 0, 0), SHIFT))
        tokens = torch.tensor(list(lengths), device=x.device) * (h * w)
        flat = maps.flatten(0, 2)
        for layer in self.layers:
            flat = layer(flat, plans, tokens)
        out: Tensor = self.norm(flat)
        return out.view(f, h, w, -1)
