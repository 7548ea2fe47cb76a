"""Encoder of FoundationGait: frames to maps, maps to strips, strips through the projector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn
from typing_extensions import TypedDict

from gait_plugins.errors import ConfigError
from gait_plugins.nn import HorizontalPooling, PackedMax, SeparateFCs, frames_of, split_lengths
from gait_plugins.nn.blocks import Stage, stage, stem

Mode = Literal["2d", "p3d"]
STRIDES = (1, 2, 2, 1)
SHRINKS = 4
"""Rows of a frame that a row of the maps comes from."""
STRIPS = (16, 8, 4, 2, 1)
LAYERS = ("layer0", "layer1", "layer2", "layer3", "layer4")
NARROW: dict[str, Any] = {
    "Backbone": {"mode": "p3d", "in_channels": 1, "layers": [1, 1, 1, 1], "channels": [4, 4, 6, 6]}
}
"""Options of a network that runs in a second."""


class BackboneOptions(TypedDict):
    """The network before the strips."""

    mode: Mode
    in_channels: int
    layers: Sequence[int]
    channels: Sequence[int]


class PartNorm(nn.Module):
    """One batch norm over all channels of all parts.

    Args:
        parts: parts ``p``.
        channels: channels of each.
    """

    def __init__(self, parts: int, channels: int) -> None:
        super().__init__()
        self.bn1d = nn.BatchNorm1d(channels * parts)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, p]`` to the same."""
        normed: Tensor = self.bn1d(x.flatten(1))
        return normed.view_as(x)


class Encoder(nn.Module):
    """A DeepGaitV2 with a projector and a predictor for each strip of a pyramid.

    Args:
        backbone: kind of blocks, channels of a frame, blocks and width of each of the four stages.
        bin_num: strips of each pyramid level.
        parts_num: strips of all levels; None: as many as there are.
    """

    def __init__(
        self, backbone: BackboneOptions, bin_num: Sequence[int] = STRIPS, parts_num: int | None = None
    ) -> None:
        super().__init__()
        layers, channels = backbone["layers"], backbone["channels"]
        _check(layers, channels, bin_num, parts_num)
        self.parts, self.channels = sum(bin_num), channels[-1]
        self.frame_channels = backbone["in_channels"]
        self.layer0 = stem(backbone["in_channels"], channels[0])
        self.layer1, self.layer2, self.layer3, self.layer4 = _stages(backbone["mode"], layers, channels)
        self.projector = nn.Sequential(*self._perceptron(), PartNorm(self.parts, self.channels))
        self.predictor = nn.Sequential(*self._perceptron())
        self.TP = PackedMax()
        self.HPP = HorizontalPooling(bin_num)

    def _perceptron(self) -> list[nn.Module]:
        parts, width = self.parts, self.channels
        first, second = (SeparateFCs(parts, width, width) for _ in range(2))
        return [first, PartNorm(parts, width), nn.ReLU(inplace=True), second]

    def maps(self, frames: Tensor, lengths: list[int] | None = None) -> Tensor:
        """Maps ``[n, c', s, h / 4, w / 4]`` of frames ``[n, c, s, h, w]``.

        Args:
            frames: of sequences, or packed ``[1, c, sum(s), h, w]``.
            lengths: frames of each packed sequence.
        """
        maps: Tensor = self.layer0(frames)
        for name in LAYERS[1:]:
            maps = self.get_submodule(name)(maps, lengths)
        return maps

    def project(self, maps: Tensor, seq_lens: Tensor | None) -> Tensor:
        """Projected strips ``[n, c', p]`` of maps."""
        projected: Tensor = self.projector(self.HPP(self.TP(maps, seq_lens)))
        return projected

    def forward(self, silhouettes: Tensor, seq_lens: Tensor | None) -> Tensor:
        """Projected strips ``[n, c', p]`` of silhouettes ``[n, s, h, w]``, or packed."""
        return self.project(self.maps(frames_of(silhouettes), split_lengths(seq_lens)), seq_lens)

    def check_size(self, where: str, height: int, width: int, bands: int) -> None:
        """Refuse frames whose maps do not divide into the strips, or which do not divide into the bands.

        Args:
            where: the model, for the message.
            height: of a frame.
            width: of a frame.
            bands: the most bands that a frame is cut into.

        Raises:
            ConfigError: they do not.
        """
        rows, columns = -(-height // SHRINKS), -(-width // SHRINKS)
        unfit = [strips for strips in self.HPP.strips if rows * columns % strips]
        if unfit:
            raise ConfigError(
                f"frames of {height}x{width} become maps of {rows}x{columns}, which do not divide into "
                f"{unfit[0]} strips",
                where=where,
                hint="OpenGait's silhouettes are 64x44 (or 64x64 before BaseSilCuttingTransform)",
            )
        if bands > 1 and height % (2 * SHRINKS * bands):
            raise ConfigError(
                f"frames of {height} rows cannot be cut into {bands} bands, half of which is a whole number "
                f"of rows of the maps: {height} is no multiple of {2 * SHRINKS * bands}",
                where=where,
                hint="choose fewer bands in crop_list; OpenGait's silhouettes have 64 rows",
            )


def _stages(mode: Mode, layers: Sequence[int], channels: Sequence[int]) -> list[Stage]:
    """The four stages behind the stem, which has the width of the first one; that sees single frames."""
    modes: list[Mode] = ["2d", mode, mode, mode]
    widths = zip(modes, (channels[0], *channels), channels, STRIDES, layers, strict=False)
    return [stage(kind, *sizes) for kind, *sizes in widths]


def _check(
    layers: Sequence[int], channels: Sequence[int], bin_num: Sequence[int], parts_num: int | None
) -> None:
    for name, values in (("layers", layers), ("channels", channels)):
        if len(values) != len(STRIDES) or min(values) < 1:
            raise ConfigError(
                f"{name} is {list(values)}, expected a number of at least 1 for each of the 4 stages",
                where="Backbone",
                hint=f"give {name} four numbers, as OpenGait's files do",
            )
    if not bin_num or min(bin_num) < 1:
        raise ConfigError(
            f"bin_num is {list(bin_num)}, expected numbers of at least 1",
            where="bin_num",
            hint="as [16, 8, 4, 2, 1]",
        )
    if parts_num not in (None, sum(bin_num)):
        raise ConfigError(
            f"parts_num is {parts_num}, expected {sum(bin_num)} (the strips of {list(bin_num)})",
            where="model_cfg",
            hint=f"set parts_num to {sum(bin_num)}, or leave it out",
        )
