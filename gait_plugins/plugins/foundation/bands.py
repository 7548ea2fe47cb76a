"""Bands: sequences cut into windows of rows that are encoded apart, and stitched together again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.foundation.encoder import SHRINKS, Encoder


def banded_maps(encoder: Encoder, frames: Tensor, crop_list: Sequence[int], where: str) -> Tensor:
    """Maps of a training batch, of which each group of sequences is cut into another number of bands.

    Args:
        encoder: what encodes the bands.
        frames: ``[n, c, s, h, w]``.
        crop_list: bands of each group; the groups are equal parts of the batch, in its order.
        where: the model, for messages.

    Returns:
        ``[n, c', s, h / 4, w / 4]``, as of whole frames.

    Raises:
        ConfigError: the batch does not divide into such groups.
    """
    size, rest = divmod(len(frames), len(crop_list))
    if rest or (size % 2 and max(crop_list) > 1):
        raise ConfigError(
            f"{len(frames)} sequences do not divide into {len(crop_list)} groups of an even number of them",
            where=f"{where}: crop_list",
            hint="choose trainer_cfg.sampler.batch_size so that each process, and each part of "
            f"trainer_cfg.accumulate, gets a multiple of "
            f"{2 * len(crop_list)} sequences, or a shorter crop_list",
        )
    groups = zip(frames.chunk(len(crop_list)), crop_list, strict=True)
    return torch.cat([_in_bands(encoder, group, bands) for group, bands in groups])


def _in_bands(encoder: Encoder, frames: Tensor, bands: int) -> Tensor:
    """The first half of a group in so many bands, the second in one more, which lie half a band off."""
    if bands == 1:
        return encoder.maps(frames)
    half, height = len(frames) // 2, frames.shape[3] // bands
    beyond = height // 2
    straight = _cut(frames[:half], bands)
    shifted = _cut(F.pad(frames[half:], (0, 0, beyond, beyond)), bands + 1)
    maps = encoder.maps(torch.cat([straight, shifted]))
    extra = beyond // SHRINKS
    stitched = _stitch(maps[len(straight) :], bands + 1)[:, :, :, extra:-extra]
    return torch.cat([_stitch(maps[: len(straight)], bands), stitched])


def _cut(frames: Tensor, bands: int) -> Tensor:
    """``[n, c, s, h, w]`` to ``[n * bands, c, s, h / bands, w]``."""
    n, c, s, h, w = frames.shape
    return frames.reshape(n, c, s, bands, h // bands, w).movedim(3, 1).flatten(0, 1)


def _stitch(maps: Tensor, bands: int) -> Tensor:
    """The inverse of :func:`_cut`."""
    return maps.reshape(-1, bands, *maps.shape[1:]).movedim(1, 3).flatten(3, 4)


def check_crops(crop_list: Sequence[int], where: str) -> tuple[int, ...]:
    """The numbers of bands.

    Raises:
        ConfigError: there are none, or one is less than 1.
    """
    if not crop_list or min(crop_list) < 1:
        raise ConfigError(
            f"crop_list is {list(crop_list)}, expected numbers of bands of at least 1",
            where=where,
            hint="for example [8, 4, 2, 1]: the quarters of a batch are cut into as many bands",
        )
    return tuple(crop_list)


def require_stacked(seq_lens: Tensor | None, where: str) -> None:
    """Refuse packed batches in training.

    Raises:
        ConfigError: the batch is packed.
    """
    if seq_lens is not None:
        raise ConfigError(
            "a training batch has sequences of unequal length: its groups cannot be cut into bands",
            where=where,
            hint="-o trainer_cfg.sampler.sample_type=fixed_ordered",
        )
