"""Plain: convolutions and max-pooling on single silhouettes, written as a list of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from gait_plugins.api import Backbone
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.blocks.plain_conv import PlainConv2d
from gait_plugins.plugins.zoo.models.blocks.strips import FocalConv2d

FIRST_KERNEL, KERNEL = 5, 3
POOL = "M"


class Plain(Backbone):
    """Layers as a list of OpenGait's words, each convolution followed by a leaky ReLU.

    Args:
        layers_cfg: ``BC-64`` is a convolution to 64 channels, ``FC-64-2`` the same within each of
            2 ** 2 horizontal strips, ``M`` halves height and width. The first one is a convolution,
            5x5; the others are 3x3.
        in_channels: channels of a frame.
    """

    def __init__(self, layers_cfg: Sequence[str], in_channels: int = 1) -> None:
        super().__init__()
        if not layers_cfg or layers_cfg[0] == POOL:
            raise ConfigError(
                f"layers_cfg begins with {layers_cfg[0] if layers_cfg else 'nothing'}",
                where="Plain",
                hint="begin with a convolution, for example BC-64",
            )
        layers: list[nn.Module] = []
        channels = in_channels
        for word in layers_cfg:
            if word == POOL:
                layers.append(nn.MaxPool2d(2))
                continue
            width, halving = _read(word)
            kernel = KERNEL if layers else FIRST_KERNEL
            if halving is None:
                layers.append(PlainConv2d(channels, width, kernel))
            else:
                layers.append(FocalConv2d(channels, width, kernel, halving))
            layers.append(nn.LeakyReLU(inplace=True))
            channels = width
        self.in_channel = in_channels
        self.out_channels = channels
        self.feature = nn.Sequential(*layers)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, with layers of each kind."""
        return {"layers_cfg": ["BC-4", "M", "FC-6-2", "M", "FC-8-3"]}

    def forward(self, x: Tensor) -> Tensor:
        """``[m, in_channels, h, w]`` to ``[m, out_channels, h', w']``."""
        maps: Tensor = self.feature(x)
        return maps


def _read(word: str) -> tuple[int, int | None]:
    """Channels and, where the convolution keeps to strips, how often the height is halved."""
    kind, *numbers = str(word).split("-")
    if (kind, len(numbers)) not in (("BC", 1), ("FC", 2)) or not all(n.isdecimal() for n in numbers):
        raise ConfigError(
            f"layers_cfg holds the unknown layer {word!r}",
            where="Plain",
            hint="a layer is BC-<channels>, FC-<channels>-<halvings into strips> or M",
        )
    width, *halving = (int(number) for number in numbers)
    return width, halving[0] if halving else None
