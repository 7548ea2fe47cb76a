"""DeepGaitV2: deep residual networks, 2-D, 3-D and pseudo 3-D (Fan et al., arXiv 2303.03301)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from typing_extensions import Self, TypedDict

from gait_plugins.api import SILHOUETTES, ClassCount, GaitBatch, GaitModel, ModelOutput, Stream
from gait_plugins.errors import ConfigError
from gait_plugins.nn import HorizontalPooling, PackedMax, SeparateFCs, frames_of, heads, split_lengths
from gait_plugins.nn.blocks import Mode, Stage, stage, stem
from gait_plugins.plugins.zoo.data.streams import SkeletonMaps
from gait_plugins.plugins.zoo.models.input_checks import require_strips

STRIDES = (1, 2, 2, 1)
STRIPS = 16


class BackboneOptions(TypedDict):
    """The network before the strips."""

    mode: Mode
    in_channels: int
    layers: Sequence[int]
    channels: Sequence[int]


class ClassNumber(TypedDict):
    """The classifier head's size."""

    class_num: ClassCount


class DeepGaitV2(GaitModel):
    """Four residual stages, the maximum over frames, and a head for each of 16 strips.

    With ``in_channels: 2`` it takes skeleton maps and is SkeletonGait (Fan et al., AAAI 2024). Packed batches
    are embedded as their sequences one by one, whatever the mode.

    Args:
        class_num: identities of the training set.
        mode: blocks of the last three stages: 2d on single frames, 3d over space and time, p3d with
            time apart. The first stage is always 2d.
        layers: blocks of each of the four stages.
        channels: width of each stage; the embedding is as wide as the third.
        in_channels: channels of a frame: 1 for silhouettes, 2 for skeleton maps, others for whatever has
            as many.
        use_emb2: embed by the features behind the batch-norm neck.
    """

    def __init__(
        self,
        class_num: ClassCount,
        mode: Mode = "p3d",
        layers: Sequence[int] = (1, 1, 1, 1),
        channels: Sequence[int] = (64, 128, 256, 512),
        in_channels: int = 1,
        use_emb2: bool = False,
    ) -> None:
        super().__init__()
        four_sizes("DeepGaitV2", layers=layers, channels=channels)
        self.num_classes = class_num
        self.use_emb2 = use_emb2
        self.frame_channels = in_channels
        self.streams = _streams(in_channels)
        self.layer0 = stem(in_channels, channels[0])
        self.layer1 = stage("2d", channels[0], channels[0], STRIDES[0], layers[0])
        self.layer2 = stage(mode, channels[0], channels[1], STRIDES[1], layers[1])
        self.layer3 = stage(mode, channels[1], channels[2], STRIDES[2], layers[2])
        self.layer4 = stage(mode, channels[2], channels[3], STRIDES[3], layers[3])
        self.FCs = SeparateFCs(STRIPS, channels[3], channels[2])
        self.BNNecks = heads.SeparateBNNecks(STRIPS, channels[2], class_num)
        self.TP = PackedMax()
        self.HPP = HorizontalPooling((STRIPS,))

    @classmethod
    def from_config(  # type: ignore[override]
        cls, *, Backbone: BackboneOptions, SeparateBNNecks: ClassNumber, use_emb2: bool = False
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            Backbone: kind of blocks, channels of a frame, blocks and width of each of the four stages.
            SeparateBNNecks: number of training identities.
            use_emb2: embed by the features behind the batch-norm neck.
        """
        return cls(class_num=SeparateBNNecks["class_num"], use_emb2=use_emb2, **Backbone)

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Skeleton maps for two channels; pictures of more as they are declared."""
        channels = options["Backbone"]["in_channels"]
        return {"skeleton_maps": {"type": "SkeletonMaps"}} if channels == 2 else {}

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        backbone = {"mode": "p3d", "in_channels": 1, "layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8]}
        return {"Backbone": backbone, "SeparateBNNecks": {"class_num": 5}}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, 16]`` and logits ``[n, classes, 16]``."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, 16]``."""
        lengths = split_lengths(batch.seq_lens)
        maps = self.layer0(frames_of(batch.inputs[0]))
        layers: tuple[Stage, ...] = (self.layer1, self.layer2, self.layer3, self.layer4)
        for layer in layers:
            maps = layer(maps, lengths)
        embeddings: Tensor = self.FCs(self.HPP(self.TP(maps, batch.seq_lens)))
        return embeddings

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers and what losses and monitors get."""
        features, logits = self.BNNecks(embeddings)
        pictures = frames_of(batch.inputs[0]).transpose(1, 2).flatten(0, 1)
        return heads.part_output(
            embeddings, logits, batch.labels, pictures, features if self.use_emb2 else None
        )

    def check_input_size(self, height: int, width: int) -> None:
        """Raise ``ConfigError`` where the last maps do not divide into the strips."""
        require_strips("DeepGaitV2", height, width, STRIDES, STRIPS)


def four_sizes(owner: str, **options: Sequence[int]) -> None:
    """Raise ``ConfigError`` where an option is not four numbers of at least 1."""
    for name, values in options.items():
        if len(values) != 4 or min(values) < 1:
            raise ConfigError(
                f"{name} is {list(values)}, expected a number of at least 1 for each of the 4 stages",
                where=owner,
                hint=f"give {name} four numbers, as OpenGait's files do",
            )


def _streams(channels: int) -> tuple[Stream, ...] | None:
    """What frames of so many channels are; None for whatever has as many."""
    known: dict[int, Stream] = {1: SILHOUETTES, 2: SkeletonMaps()}
    return (known[channels],) if channels in known else None
