"""Recognisers of BigGait and BiggerGait: residual stems, fusion, strips and heads; keys are OpenGait's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import NotRequired, TypedDict

from gait_plugins.errors import ConfigError
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, SeparateFCs, heads
from gait_plugins.plugins.colour.models.denoising_layers import AttentionFusion, residual_stage


class StagesOptions(TypedDict):
    """The residual network, as YAML gives it."""

    channels: Sequence[int]
    layers: Sequence[int]
    strides: Sequence[int]
    in_channel: NotRequired[int]
    maxpool: NotRequired[bool]
    type: NotRequired[Literal["ResNet9"]]
    block: NotRequired[Literal["BasicBlock"]]


class FusionOptions(TypedDict):
    """The fusion, as YAML gives it."""

    in_channels: int
    squeeze_ratio: int
    feat_len: NotRequired[Literal[2]]


class FirstStage(nn.Module):
    """The stem and the first stage of a ResNet9."""

    def __init__(self, in_channels: int, stages: StagesOptions) -> None:
        super().__init__()
        width = stages["channels"][0]
        self.conv1 = nn.Sequential()
        self.conv1.add_module("conv", nn.Conv2d(in_channels, width, 3, padding=1, bias=False))
        self.bn1 = nn.BatchNorm2d(width)
        pool = stages.get("maxpool", True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if pool else nn.Identity()
        self.layer1 = residual_stage(width, width, stages["layers"][0], stages["strides"][0])

    def forward(self, x: Tensor) -> Tensor:
        """``[m, c, h, w]`` to ``[m, c', h', w']``."""
        maps: Tensor = self.layer1(self.maxpool(F.relu(self.bn1(self.conv1(x)))))
        return maps


class LaterStages(nn.Module):
    """The second to the fourth stage of a ResNet9."""

    def __init__(self, stages: StagesOptions) -> None:
        super().__init__()
        first, second, third, fourth = stages["channels"]
        _, *layers = stages["layers"]
        _, *strides = stages["strides"]
        self.layer2 = residual_stage(first, second, layers[0], strides[0])
        self.layer3 = residual_stage(second, third, layers[1], strides[1])
        self.layer4 = residual_stage(third, fourth, layers[2], strides[2])

    def forward(self, x: Tensor) -> Tensor:
        """``[m, c, h, w]`` to ``[m, c', h', w']``."""
        maps: Tensor = self.layer4(self.layer3(self.layer2(x)))
        return maps


class TwoStems(nn.Module):
    """BigGait's recogniser: a stem for each of two maps, their fusion, later stages, strips and heads.

    Args:
        denoised: channels of the first map.
        appearance: channels of the second.
        stages: of the residual network.
        fcs: parts and channels of the embedding.
        necks: parts, channels and identities of the classifier.
        strips: of each pyramid level.
        fusion: how narrow the fusion's layers are.
    """

    def __init__(
        self,
        denoised: int,
        appearance: int,
        stages: StagesOptions,
        fcs: heads.FCsOptions,
        necks: heads.BNNecksOptions,
        strips: Sequence[int],
        fusion: FusionOptions,
    ) -> None:
        super().__init__()
        check_sizes("BigGait", stages, fcs, necks, strips)
        if fusion["in_channels"] != stages["channels"][0]:
            raise ConfigError(
                f"AttentionFusion.in_channels is {fusion['in_channels']}, expected "
                f"{stages['channels'][0]}: the first of backbone_cfg.channels",
                where="BigGait",
            )
        self.pre_part = FrameWise(FirstStage(denoised, stages))
        self.pre_rgb = FrameWise(FirstStage(appearance, stages))
        self.post_backbone = FrameWise(LaterStages(stages))
        self.FCs = SeparateFCs(**fcs)
        self.BNNecks = heads.SeparateBNNecks(**necks)
        self.TP = PackedMax()
        self.HPP = HorizontalPooling(strips)
        self.fusion = AttentionFusion(fusion["in_channels"], fusion["squeeze_ratio"], wide=True)

    def forward(
        self, denoised: Tensor, appearance: Tensor, form: tuple[int, int], seq_lens: Tensor | None
    ) -> Tensor:
        """Maps ``[m, c, h, w]`` of both to embeddings ``[n, c, p]``; ``form`` is of the batch, n and s."""
        parts = self.pre_part.forward_block(denoised), self.pre_rgb.forward_block(appearance)
        maps: Tensor = self.post_backbone.forward_block(self.fusion(*parts))
        sequences = maps.view(*form, *maps.shape[1:]).transpose(1, 2)
        embeddings: Tensor = self.FCs(self.HPP(self.TP(sequences, seq_lens)))
        return embeddings


class OneStem(nn.Module):
    """A GaitBase head of BiggerGait: all four stages, strips and heads."""

    def __init__(
        self,
        in_channels: int,
        stages: StagesOptions,
        fcs: heads.FCsOptions,
        necks: heads.BNNecksOptions,
        strips: Sequence[int],
    ) -> None:
        super().__init__()
        check_sizes("BiggerGait", stages, fcs, necks, strips)
        self.pre_rgb = FrameWise(FirstStage(in_channels, stages))
        self.post_backbone = FrameWise(LaterStages(stages))
        self.FCs = SeparateFCs(**fcs)
        self.BNNecks = heads.SeparateBNNecks(**necks)
        self.TP = PackedMax()
        self.HPP = HorizontalPooling(strips)

    def forward(self, maps: Tensor, form: tuple[int, int], seq_lens: Tensor | None) -> Tensor:
        """Maps ``[m, c, h, w]`` to embeddings ``[n, c, p]``; ``form`` is of the batch, n and s."""
        deep: Tensor = self.post_backbone.forward_block(self.pre_rgb.forward_block(maps))
        sequences = deep.view(*form, *deep.shape[1:]).transpose(1, 2)
        embeddings: Tensor = self.FCs(self.HPP(self.TP(sequences, seq_lens)))
        return embeddings


class Heads(nn.Module):
    """The heads of BiggerGait: each serves as many groups of layers, one after the other.

    Args:
        of: the heads.
        groups: of layers; a multiple of the heads.
    """

    def __init__(self, of: Sequence[OneStem], groups: int) -> None:
        super().__init__()
        share = groups // len(of)
        self.real_gait = nn.ModuleList(of)
        # The same heads again, under the numbers of the groups.
        self.Gait_List = nn.ModuleList(of[group // share] for group in range(groups))

    def forward(
        self, maps: Sequence[Tensor], form: tuple[int, int], seq_lens: Tensor | None
    ) -> tuple[Tensor, ...]:
        """A map ``[m, c, h, w]`` of each group to its embeddings ``[n, c, p]``."""
        return tuple(head(each, form, seq_lens) for head, each in zip(self.Gait_List, maps, strict=True))

    def logits(self, embeddings: Tensor) -> Tensor:
        """Of all groups' embeddings, side by side, ``[n, c, groups * p]``."""
        parts = embeddings.chunk(len(self.Gait_List), 2)
        serving = [cast(OneStem, head) for head in self.Gait_List]
        found = [head.BNNecks(part)[1] for head, part in zip(serving, parts, strict=True)]
        return torch.cat(found, 2)


def check_sizes(
    owner: str,
    stages: StagesOptions,
    fcs: heads.FCsOptions,
    necks: heads.BNNecksOptions,
    strips: Sequence[int],
) -> None:
    """Refuse sizes that do not fit each other.

    Raises:
        ConfigError: names the first.
    """
    for name in ("channels", "layers", "strides"):
        values: Sequence[int] = stages[name]
        if len(values) != 4 or min(values) < 1:
            raise ConfigError(
                f"{name} is {list(values)}, expected a number of 1 or more for each of the 4 stages",
                where=owner,
            )
    fits = {
        "SeparateFCs.parts_num": (fcs["parts_num"], sum(strips), "the sum of bin_num"),
        "SeparateFCs.in_channels": (fcs["in_channels"], stages["channels"][3], "the last of channels"),
        "SeparateBNNecks.parts_num": (necks["parts_num"], sum(strips), "the sum of bin_num"),
        "SeparateBNNecks.in_channels": (
            necks["in_channels"],
            fcs["out_channels"],
            "SeparateFCs.out_channels",
        ),
    }
    for name, (found, expected, because) in fits.items():
        if found != expected:
            raise ConfigError(
                f"{name} is {found}, expected {expected} ({because})",
                where=owner,
                hint=f"set {name} to {expected}",
            )
