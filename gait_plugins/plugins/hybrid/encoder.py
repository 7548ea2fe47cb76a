"""The frame network of the hybrid pipeline: three small convolutional blocks (Torres and Canto, 2025)."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from gait_plugins.errors import ConfigError
from gait_plugins.nn import each_sequence, frames_of, split_lengths

FEATURES = 128
SMALLEST = 8
"""Pixels of a frame's side that the three halvings leave one of."""


def encoder_blocks(in_channels: int = 1) -> tuple[nn.Sequential, nn.Sequential, nn.Sequential]:
    """Blocks from frames ``[m, c, h, w]`` to maps ``[m, 128, h / 8, w / 8]``.

    Args:
        in_channels: channels of a frame.
    """
    stem = nn.Sequential(
        nn.Conv2d(in_channels, 32, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
    return stem, _pair(32, 64, stride=1), _pair(64, FEATURES, stride=2)


def clip_features(blocks: Iterable[nn.Module], silhouettes: Tensor, seq_lens: Tensor | None) -> Tensor:
    """Features ``[n, 128]``: the mean over a clip's frames of each frame's average over its map.

    Args:
        blocks: :func:`encoder_blocks`.
        silhouettes: ``[n, s, h, w]`` (or with channels), or packed ``[1, sum(s), h, w]``.
        seq_lens: frames of each packed clip ``[1, n]``, or None.
    """
    frames = frames_of(silhouettes).transpose(1, 2)  # [n, s, c, h, w]
    maps = frames.flatten(0, 1)
    for block in blocks:
        maps = block(maps)
    per_frame = maps.mean((2, 3)).view(*frames.shape[:2], -1)
    return each_sequence(per_frame, split_lengths(seq_lens), lambda clip: clip.mean(1), dim=1)


def require_size(where: str, height: int, width: int) -> None:
    """Refuse frames that the halvings leave nothing of.

    Raises:
        ConfigError: names the size.
    """
    if min(height, width) < SMALLEST:
        raise ConfigError(
            f"frames of {height}x{width} are too small, expected at least {SMALLEST}x{SMALLEST}",
            where=where,
            hint="the published frames are 64x64",
        )


def _pair(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
