"""GaitBase, the model that OpenGait calls ``Baseline`` (Fan et al., OpenGait, CVPR 2023, section 4)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from typing_extensions import Self

from gait_plugins.api import Backbone, GaitBatch, GaitModel, ModelOutput
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, frames_of, heads
from gait_plugins.plugins.zoo.models.input_checks import Fit, require_fits, require_frame_size


class Baseline(GaitModel):
    """A frame network, the maximum over frames, horizontal strips, and a head for each strip.

    Args:
        backbone: network from frames ``[m, c, h, w]`` to maps ``[m, c', h', w']``.
        fcs: embedding of each part.
        necks: classifier of each part.
        bin_num: strips of each pyramid level.
    """

    def __init__(
        self,
        backbone: nn.Module,
        fcs: heads.SeparateFCs,
        necks: heads.SeparateBNNecks,
        bin_num: Sequence[int] = (16,),
    ) -> None:
        super().__init__()
        self.frame_channels = getattr(backbone, "in_channel", None)
        self.Backbone = FrameWise(backbone)
        self.FCs = fcs
        self.BNNecks = necks
        self.TP = PackedMax()
        self.HPP = HorizontalPooling(bin_num)
        self.num_classes = necks.class_num
        self._check_heads()

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        backbone_cfg: Backbone,
        SeparateFCs: heads.FCsOptions,
        SeparateBNNecks: heads.BNNecksOptions,
        bin_num: Sequence[int] = (16,),
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            backbone_cfg: frame network, ``ResNet9`` in GaitBase.
            SeparateFCs: parts, channels of the maps and channels of the embedding.
            SeparateBNNecks: parts, channels of the embedding and number of training identities.
            bin_num: strips of each pyramid level.
        """
        fcs = heads.SeparateFCs(**SeparateFCs)
        return cls(backbone_cfg, fcs, heads.SeparateBNNecks(**SeparateBNNecks), bin_num)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        backbone = {"type": "ResNet9", "channels": [4, 4, 8, 8], "layers": [1, 1, 1, 1], "maxpool": False}
        return {
            "backbone_cfg": backbone,
            "SeparateFCs": {"parts_num": 16, "in_channels": 8, "out_channels": 6},
            "SeparateBNNecks": {"parts_num": 16, "in_channels": 6, "class_num": 5},
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and logits ``[n, classes, p]``."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, p]``."""
        maps = self.Backbone(frames_of(batch.inputs[0]))
        embeddings: Tensor = self.FCs(self.HPP(self.TP(maps, batch.seq_lens)))
        return embeddings

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers and what losses and monitors get."""
        _, logits = self.BNNecks(embeddings)
        pictures = frames_of(batch.inputs[0]).transpose(1, 2).flatten(0, 1)
        return heads.part_output(embeddings, logits, batch.labels, pictures)

    def check_input_size(self, height: int, width: int) -> None:
        """Send one blank frame of ``height`` x ``width`` through the network and its strips."""
        # A copy, so that neither running statistics nor the modules' modes change.
        backbone = copy.deepcopy(self.Backbone.forward_block).eval()
        channels = int(getattr(backbone, "in_channel", 1))
        blank = self.FCs.fc_bin.new_zeros(1, channels, height, width)
        require_frame_size("Baseline", height, width, lambda: self.HPP(backbone(blank)))

    def _check_heads(self) -> None:
        strips = sum(self.HPP.strips)
        parts, inner, embedded = self.FCs.fc_bin.shape
        neck_parts, neck_inner, _ = self.BNNecks.fc_bin.shape
        maps = getattr(self.Backbone.forward_block, "out_channels", inner)
        require_fits(
            "Baseline",
            (
                Fit("SeparateFCs.parts_num", parts, strips, "the strips of bin_num"),
                Fit("SeparateFCs.in_channels", inner, maps, "the channels of the backbone's maps"),
                Fit("SeparateBNNecks.parts_num", neck_parts, strips, "the strips of bin_num"),
                Fit("SeparateBNNecks.in_channels", neck_inner, embedded, "SeparateFCs.out_channels"),
            ),
        )
