"""MultiGait++: what two groups of maps have in common, and what is each one's own (Jin et al., AAAI 2025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import NotRequired, Self, TypedDict

from gait_plugins.api import ClassCount, GaitBatch, GaitModel, ModelOutput
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, SeparateFCs, heads, split_lengths
from gait_plugins.nn.blocks import stage, stem
from gait_plugins.plugins.zoo.models.deepgaitv2 import ClassNumber, four_sizes
from gait_plugins.plugins.zoo.models.input_checks import Fit, require_fits, require_strips
from gait_plugins.plugins.zoo.models.maps.stacked import Stack, branch, widths

STRIDES = (1, 2, 2, 1)
STRIPS = 16
SQUEEZE = 16
EPS = 1e-6


class GroupOptions(TypedDict):
    """The network before the strips."""

    blocks: Sequence[int]
    C: NotRequired[int]
    part1_channel: NotRequired[int]
    part2_channel: NotRequired[int]
    in_channels: NotRequired[int | None]
    channels: NotRequired[Sequence[int]]


class MultiGaitpp(GaitModel):
    """Three pseudo-3D networks side by side: on two groups of maps, and on what these have in common.

    Packed batches are embedded as their sequences one by one.

    Args:
        class_num: identities of the training set.
        part1: channels of the first group: silhouettes and parsing.
        part2: channels of the second group: optical flow.
        blocks: residual blocks of each of the four stages.
        channels: width of each stage; the embedding is as wide as the third.
        streams: names of the streams that are stacked to the maps; left out, one stream ``maps``.
    """

    def __init__(
        self,
        class_num: ClassCount,
        part1: int = 2,
        part2: int = 3,
        blocks: Sequence[int] = (1, 1, 1, 1),
        channels: Sequence[int] = (64, 128, 256, 512),
        streams: Sequence[str] = (),
    ) -> None:
        super().__init__()
        four_sizes("MultiGaitpp", blocks=blocks, channels=channels)
        first, second, third, fourth = channels
        self.stack = Stack("MultiGaitpp", part1 + part2, streams)
        self.streams = self.stack.streams
        self.num_classes = class_num
        self.part1 = part1
        self.part1_layer0, self.part2_layer0 = stem(part1, first), stem(part2, first)
        self.part1_layer1, self.part2_layer1 = (stage("2d", first, first, 1, blocks[0]) for _ in range(2))
        self.fusion = JoinedMaps(third)
        self.part1_layer2, self.part2_layer2, self.layer2 = (
            stage("p3d", first, second, STRIDES[1], blocks[1]) for _ in range(3)
        )
        self.part1_layer3, self.part2_layer3, self.layer3 = (
            stage("p3d", second, third, STRIDES[2], blocks[2]) for _ in range(3)
        )
        self.layer4 = stage("p3d", third, fourth, STRIDES[3], blocks[3])
        self.csquare = CommonAndOwn(first)
        self.FCs = SeparateFCs(STRIPS, fourth, third)
        self.BNNecks = heads.SeparateBNNecks(STRIPS, third, class_num)
        self.TP = PackedMax()
        self.HPP = HorizontalPooling((STRIPS,))

    @classmethod
    def from_config(  # type: ignore[override]
        cls, *, Backbone: GroupOptions, SeparateBNNecks: ClassNumber, streams: Sequence[str] = ()
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            Backbone: blocks of each of the four stages, their width (C times 32, 64, 128, 256, or channels),
                the channels of both groups of maps, and of all maps together (their sum, if left out).
            SeparateBNNecks: number of training identities.
            streams: names of the streams that are stacked to the maps, such as [silhouettes, parsing, flow];
                left out, one stream ``maps`` that holds them all.
        """
        part1, part2 = Backbone.get("part1_channel", 2), Backbone.get("part2_channel", 3)
        both = Backbone.get("in_channels") or part1 + part2
        together = "the sum of part1_channel and part2_channel"
        require_fits("MultiGaitpp", (Fit("in_channels", both, part1 + part2, together),))
        channels = Backbone.get("channels") or widths("MultiGaitpp", Backbone.get("C", 2))
        return cls(SeparateBNNecks["class_num"], part1, part2, Backbone["blocks"], channels, streams)

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """One stream of all maps; where they are stacked here, what they are is to be declared."""
        if options.get("streams"):
            return {}
        parts = (options["Backbone"].get("part1_channel", 2), options["Backbone"].get("part2_channel", 3))
        return {"maps": {"type": "Maps", "channels": sum(parts)}}

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for maps of 64x44."""
        backbone = {"blocks": [1, 1, 1, 1], "channels": [4, 4, 8, 8], "part1_channel": 2, "part2_channel": 3}
        return {"Backbone": backbone, "SeparateBNNecks": {"class_num": 5}}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, 16]`` and logits ``[n, classes, 16]``."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, 16]``."""
        maps, lengths = self.stack(batch.inputs), split_lengths(batch.seq_lens)
        n, s = maps.shape[:2]
        # As single frames up to where time comes in: nothing is moved between frames and sequences.
        frames = maps.flatten(0, 1)
        one = branch(self.part1_layer0, self.part1_layer1, frames[:, : self.part1])
        two = branch(self.part2_layer0, self.part2_layer1, frames[:, self.part1 :])
        ways = [x.view(n, s, *x.shape[1:]).transpose(1, 2) for x in self.csquare(one, two)]
        stages = (
            (self.part1_layer2, self.part1_layer3),
            (self.layer2, self.layer3),
            (self.part2_layer2, self.part2_layer3),
        )
        ways = [second(first(x, lengths), lengths) for x, (first, second) in zip(ways, stages, strict=True)]
        x = self.layer4(self.fusion(ways), lengths)
        embeddings: Tensor = self.FCs(self.HPP(self.TP(x, batch.seq_lens)))
        return embeddings

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers and what losses and monitors get."""
        _, logits = self.BNNecks(embeddings)
        pictures = self.stack(batch.inputs).flatten(0, 1)[:, :1]
        return heads.part_output(embeddings, logits, batch.labels, pictures)

    def check_input_size(self, height: int, width: int) -> None:
        """Raise ``ConfigError`` where the last maps do not divide into the strips."""
        require_strips("MultiGaitpp", height, width, STRIDES, STRIPS)


class CommonAndOwn(nn.Module):
    """Splits two maps into what they have in common and what is each one's own.

    Each map gets a score from the other map's network; where the softmax of the two is even, the maps have
    something in common. The share in common is brought to 0..1 over the channels of a pixel.

    Args:
        channels: of each map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv2 = FrameWise(_perceptron(channels))
        self.conv1 = FrameWise(_perceptron(channels))

    def forward(self, one: Tensor, two: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Two ``[m, c, h, w]`` to three: the first's own, the common one, the second's own."""
        score = self.conv1.forward_block(two) - self.conv2.forward_block(one)
        # The softmax of a pair of scores is the sigmoid of their difference.
        of_two, of_one = score.sigmoid(), (-score).sigmoid()
        even = torch.minimum(of_two, of_one)
        low, high = even.amin(1, keepdim=True), even.amax(1, keepdim=True)
        common = (even - low) / (high - low + EPS)
        own = 1 - common
        return one * (own * of_one), (one + two) / 2 * common, two * (own * of_two)


class JoinedMaps(nn.Module):
    """Three maps to one, by a 1x1 convolution of all their channels.

    Args:
        channels: of each map, and of the result.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = FrameWise(nn.Sequential(nn.Conv2d(3 * channels, channels, 1, bias=False)))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Three ``[n, c, s, h, w]`` to one."""
        joined: Tensor = self.conv(torch.cat([*maps], 1))
        return joined


def _perceptron(channels: int) -> nn.Sequential:
    hidden = max(1, channels // SQUEEZE)
    return nn.Sequential(
        nn.Conv2d(channels, hidden, 1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, hidden, 1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, channels, 1, bias=False),
    )
