"""Stacks of pictures: several streams as the channels of one map, and the networks that begin on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from gait_plugins.api import SILHOUETTES, Stream
from gait_plugins.errors import ConfigError
from gait_plugins.nn import FrameWise
from gait_plugins.nn.blocks import Stage
from gait_plugins.plugins.zoo.data.streams import Maps, Parsing, SkeletonMaps
from gait_plugins.suggest import did_you_mean

WIDTHS = (32, 64, 128, 256)
"""Channels of the stages for C = 1."""

PICTURES: Mapping[str, Stream] = {
    "silhouettes": SILHOUETTES,
    "parsing": Parsing(),
    "flow": Maps(3).changed(name="flow"),
    "skeleton_maps": SkeletonMaps(),
    "depth": Maps(3).changed(name="depth"),
}
"""Streams of pictures that can be stacked, by their usual names."""


class Stack:
    """One map of several channels for each frame: a stream of its own, or several streams put together.

    Every stream comes in [0, 1]: its transform divides by its largest value, 255 or the last label.

    Args:
        owner: the model, for messages.
        channels: of the whole map.
        names: the streams, in the order of their channels; none: one stream ``maps``.

    Raises:
        ConfigError: a stream is unknown, or they have another number of channels.
    """

    def __init__(self, owner: str, channels: int, names: Sequence[str] = ()) -> None:
        self.owner = owner
        for name in names:
            if name not in PICTURES:
                raise ConfigError(
                    f"the stream {name!r} is none of the pictures that can be stacked: {', '.join(PICTURES)}",
                    where=owner,
                    hint=did_you_mean(name, PICTURES) or "leave streams out, and give one stream maps",
                )
        streams = [PICTURES[name] for name in names]
        found = sum(_channels(stream) for stream in streams)
        if streams and found != channels:
            raise ConfigError(
                f"the streams {', '.join(names)} have {found} channels together, the network takes "
                f"{channels}",
                where=owner,
                hint="choose part1_channel and part2_channel for the channels of the streams, in their order",
            )
        self.streams: tuple[Stream, ...] = tuple(streams) or (Maps(channels),)

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """Streams ``[n, s, h, w]`` and ``[n, s, c, h, w]`` to maps ``[n, s, channels, h, w]``."""
        self.require_one_size(inputs)
        parts = [x.unsqueeze(2) if x.dim() == 4 else x for x in inputs]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 2)

    def require_one_size(self, inputs: Sequence[Tensor]) -> None:
        """Refuse streams whose frames differ in size, such as maps of 64x64 and silhouettes of 64x44."""
        sizes = [f"{x.shape[-2]}x{x.shape[-1]}" for x in inputs]
        if len(set(sizes)) > 1:
            found = [f"{s.name} of {size}" for s, size in zip(self.streams, sizes, strict=True)]
            raise ConfigError(
                f"frames come as {', '.join(found)}; expected is one size",
                where=self.owner,
                hint="cut them alike: joint_transform: {type: JointPictures, streams: [...], trf_cfg: "
                "[{type: BaseSilCuttingTransform}]}",
            )


def branch(first: FrameWise, second: Stage, frames: Tensor) -> Tensor:
    """A stem and a stage of single frames, ``[m, c, h, w]`` to ``[m, c', h, w]``."""
    after: nn.Module = cast(FrameWise, second).forward_block
    maps: Tensor = after(first.forward_block(frames))
    return maps


def widths(owner: str, times: int) -> tuple[int, ...]:
    """Channels of the four stages for OpenGait's ``C``.

    Raises:
        ConfigError: it is below 1.
    """
    if times < 1:
        raise ConfigError(
            f"C is {times}, expected 1 or more",
            where=owner,
            hint="OpenGait's files have 2, for stages of 64, 128, 256 and 512 channels",
        )
    return tuple(times * width for width in WIDTHS)


def _channels(stream: Stream) -> int:
    return int(stream.shape[0] or 1) if len(stream.shape) == 3 else 1
