"""ResNet9: a shallow residual network on single silhouettes (He et al., CVPR 2016; GaitBase, CVPR 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.api import Backbone
from gait_plugins.errors import ConfigError
from gait_plugins.nn.blocks import BasicBlock, Bottleneck, MapNorm, conv3x3


class ResNet9(Backbone):
    """Four residual stages behind a 3x3 stem; keys as torchvision's, the stem's as OpenGait's.

    Args:
        block: kind of residual block.
        channels: width of each stage (of the stem too: the first).
        in_channel: channels of the input, 1 for silhouettes.
        layers: blocks of each stage; 0 leaves the stage out.
        strides: stride of each stage's first block.
        maxpool: halve the map behind the stem.
    """

    def __init__(
        self,
        block: Literal["BasicBlock", "Bottleneck"] = "BasicBlock",
        channels: Sequence[int] = (32, 64, 128, 256),
        in_channel: int = 1,
        layers: Sequence[int] = (1, 2, 2, 1),
        strides: Sequence[int] = (1, 2, 2, 1),
        maxpool: bool = True,
    ) -> None:
        super().__init__()
        _require_four(channels=channels, layers=layers, strides=strides)
        kind: type[BasicBlock | Bottleneck] = Bottleneck if block == "Bottleneck" else BasicBlock
        self.in_channel = in_channel
        self.conv1 = _Stem(in_channel, channels[0])
        self.bn1 = MapNorm(channels[0])
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if maxpool else nn.Identity()
        self.out_channels = channels[0]
        self.layer1 = self._stage(kind, channels[0], layers[0], strides[0])
        self.layer2 = self._stage(kind, channels[1], layers[1], strides[1])
        self.layer3 = self._stage(kind, channels[2], layers[2], strides[2])
        self.layer4 = self._stage(kind, channels[3], layers[3], strides[3])

    def forward(self, x: Tensor) -> Tensor:
        """``[m, in_channel, h, w]`` to ``[m, out_channels, h', w']``."""
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        maps: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return maps

    def _stage(
        self, kind: type[BasicBlock | Bottleneck], planes: int, depth: int, stride: int
    ) -> nn.Sequential:
        blocks = nn.Sequential()
        for position in range(depth):
            blocks.append(kind(self.out_channels, planes, stride if position == 0 else 1))
            self.out_channels = planes * kind.expansion
        return blocks


class _Stem(nn.Module):
    """A bias-free 3x3 convolution, one level down in the state dict."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = conv3x3(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


def _require_four(**options: Sequence[int]) -> None:
    for name, values in options.items():
        if len(values) != 4:
            raise ConfigError(
                f"{name} has {len(values)} values ({list(values)}), expected one for each of the 4 stages",
                where="ResNet9",
                hint=f"give {name} four numbers",
            )
