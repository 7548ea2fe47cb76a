"""SkeletonGait++: skeleton maps and silhouettes, fused by attention (Fan et al., AAAI 2024)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import NotRequired, Self, TypedDict

from gait_plugins.api import ClassCount, GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, SeparateFCs, heads, split_lengths
from gait_plugins.nn.blocks import MapNorm, Stage, stage, stem
from gait_plugins.plugins.zoo.models.deepgaitv2 import ClassNumber, four_sizes
from gait_plugins.plugins.zoo.models.input_checks import require_strips
from gait_plugins.plugins.zoo.models.maps.stacked import Stack, branch, widths

STRIDES = (1, 2, 2, 1)
STRIPS = 16
SQUEEZE = 16


class PairOptions(TypedDict):
    """The network before the strips."""

    blocks: Sequence[int]
    C: NotRequired[int]
    in_channels: NotRequired[int]
    channels: NotRequired[Sequence[int]]


class SkeletonGaitPP(GaitModel):
    """A stem and a stage for each of two pictures, attention between them, and pseudo-3D stages.

    Packed batches are embedded as their sequences one by one.

    Args:
        class_num: identities of the training set.
        blocks: residual blocks of each of the four stages.
        channels: width of each stage; the embedding is as wide as the third.
        use_emb2: embed by the features behind the batch-norm neck.
    """

    def __init__(
        self,
        class_num: ClassCount,
        blocks: Sequence[int] = (1, 1, 1, 1),
        channels: Sequence[int] = (64, 128, 256, 512),
        use_emb2: bool = False,
    ) -> None:
        super().__init__()
        four_sizes("SkeletonGaitPP", blocks=blocks, channels=channels)
        first, second, third, fourth = channels
        self.stack = Stack("SkeletonGaitPP", 3, ("skeleton_maps", "silhouettes"))
        self.streams = self.stack.streams
        self.num_classes = class_num
        self.use_emb2 = use_emb2
        self.sil_layer0 = stem(1, first)
        self.map_layer0 = stem(2, first)
        self.sil_layer1 = stage("2d", first, first, STRIDES[0], blocks[0])
        self.map_layer1 = stage("2d", first, first, STRIDES[0], blocks[0])
        self.fusion = AttentionFusion(first)
        self.layer2 = stage("p3d", first, second, STRIDES[1], blocks[1])
        self.layer3 = stage("p3d", second, third, STRIDES[2], blocks[2])
        self.layer4 = stage("p3d", third, fourth, STRIDES[3], blocks[3])
        self.FCs = SeparateFCs(STRIPS, fourth, third)
        self.BNNecks = heads.SeparateBNNecks(STRIPS, third, class_num)
        self.TP = PackedMax()
        self.HPP = HorizontalPooling((STRIPS,))

    @classmethod
    def from_config(  # type: ignore[override]
        cls, *, Backbone: PairOptions, SeparateBNNecks: ClassNumber, use_emb2: bool = False
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            Backbone: blocks of each of the four stages, their width (C times 32, 64, 128, 256, or channels)
                and the channels of both pictures together: 3.
            SeparateBNNecks: number of training identities.
            use_emb2: embed by the features behind the batch-norm neck.
        """
        inputs = Backbone.get("in_channels", 3)
        if inputs != 3:
            raise ConfigError(
                f"in_channels is {inputs}, expected 3: limbs, joints and the silhouette",
                where="SkeletonGaitPP",
                hint="leave in_channels out, or set it to 3",
            )
        channels = Backbone.get("channels") or widths("SkeletonGaitPP", Backbone.get("C", 2))
        return cls(SeparateBNNecks["class_num"], Backbone["blocks"], channels, use_emb2)

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Skeleton maps, then silhouettes, as OpenGait's script names the files."""
        return {"skeleton_maps": {"type": "SkeletonMaps"}, "silhouettes": {"type": "Silhouettes"}}

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for pictures of 64x44."""
        backbone = {"blocks": [1, 1, 1, 1], "channels": [4, 4, 8, 8]}
        return {"Backbone": backbone, "SeparateBNNecks": {"class_num": 5}}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, 16]`` and logits ``[n, classes, 16]``."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, 16]``."""
        self.stack.require_one_size(batch.inputs)
        maps, silhouettes = batch.inputs
        lengths = split_lengths(batch.seq_lens)
        # As single frames up to where time comes in: nothing is moved between frames and sequences.
        drawn = branch(self.map_layer0, self.map_layer1, maps.flatten(0, 1))
        seen = branch(self.sil_layer0, self.sil_layer1, silhouettes.flatten(0, 1).unsqueeze(1))
        fused: Tensor = self.fusion(seen, drawn)
        x = fused.view(*maps.shape[:2], *fused.shape[1:]).transpose(1, 2)
        layers: tuple[Stage, ...] = (self.layer2, self.layer3, self.layer4)
        for layer in layers:
            x = layer(x, lengths)
        embeddings: Tensor = self.FCs(self.HPP(self.TP(x, batch.seq_lens)))
        return embeddings

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers and what losses and monitors get."""
        features, logits = self.BNNecks(embeddings)
        pictures = self.stack(batch.inputs).flatten(0, 1)
        return heads.part_output(
            embeddings, logits, batch.labels, pictures, features if self.use_emb2 else None
        )

    def check_input_size(self, height: int, width: int) -> None:
        """Raise ``ConfigError`` where the last maps do not divide into the strips."""
        require_strips("SkeletonGaitPP", height, width, STRIDES, STRIPS)


class AttentionFusion(nn.Module):
    """The weighted mean of two maps; the weight of each pixel and channel comes from both.

    Args:
        channels: of each map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        hidden = max(1, channels // SQUEEZE)
        self.conv = FrameWise(
            nn.Sequential(
                nn.Conv2d(2 * channels, hidden, 1, bias=False),
                MapNorm(hidden),
                nn.ReLU(inplace=True),
                nn.Conv2d(hidden, hidden, 3, padding=1, bias=False),
                MapNorm(hidden),
                nn.ReLU(inplace=True),
                nn.Conv2d(hidden, 2 * channels, 1, bias=False),
            )
        )

    def forward(self, seen: Tensor, drawn: Tensor) -> Tensor:
        """Two ``[m, c, h, w]`` to one."""
        layers = cast(nn.Sequential, self.conv.forward_block)
        first, last = cast(nn.Conv2d, layers[0]), cast(nn.Conv2d, layers[-1])
        c = self.channels
        # What a convolution of both maps would give, without laying them side by side.
        hidden = F.conv2d(seen, first.weight[:, :c]) + F.conv2d(drawn, first.weight[:, c:])
        hidden = layers[1:-1](hidden)
        # The softmax of a pair of scores is the sigmoid of their difference.
        weight = F.conv2d(hidden, last.weight[:c] - last.weight[c:]).sigmoid()
        return torch.lerp(drawn, seen, weight)
