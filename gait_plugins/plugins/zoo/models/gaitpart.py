"""GaitPart: short-range motion of each body part (Fan et al., CVPR 2020)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from typing_extensions import Self

from gait_plugins.api import Backbone, GaitBatch, GaitModel, ModelOutput
from gait_plugins.nn import FrameWise, HorizontalPooling, SequenceWise, frames_of, heads
from gait_plugins.plugins.zoo.models.blocks.micro_motion import TemporalFeatureAggregator
from gait_plugins.plugins.zoo.models.input_checks import Fit, require_fits, require_frame_size


class GaitPart(GaitModel):
    """A frame network, horizontal strips, and for each strip its most distinctive short motion.

    Keys and shapes of the state dict are OpenGait's.

    Args:
        backbone: network from frames ``[m, c, h, w]`` to maps ``[m, c', h', w']``.
        fcs: embedding of each part.
        bin_num: strips of each pyramid level.
    """

    def __init__(self, backbone: nn.Module, fcs: heads.SeparateFCs, bin_num: Sequence[int] = (16,)) -> None:
        super().__init__()
        parts, channels, _ = fcs.fc_bin.shape
        maps = getattr(backbone, "out_channels", channels)
        require_fits(
            "GaitPart",
            (
                Fit("SeparateFCs.parts_num", parts, sum(bin_num), "the strips of bin_num"),
                Fit("SeparateFCs.in_channels", channels, maps, "the channels of the backbone's maps"),
            ),
        )
        self.frame_channels = getattr(backbone, "in_channel", None)
        self.Backbone = FrameWise(backbone)
        self.Head = fcs
        self.HPP = FrameWise(HorizontalPooling(bin_num))
        self.TFA = SequenceWise(TemporalFeatureAggregator(channels, parts))

    @classmethod
    def from_config(  # type: ignore[override]
        cls, *, backbone_cfg: Backbone, SeparateFCs: heads.FCsOptions, bin_num: Sequence[int] = (16,)
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            backbone_cfg: frame network, ``Plain`` in GaitPart.
            SeparateFCs: parts, channels of the maps and channels of the embedding.
            bin_num: strips of each pyramid level.
        """
        return cls(backbone_cfg, heads.SeparateFCs(**SeparateFCs), bin_num)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        return {
            "backbone_cfg": {"type": "Plain", "layers_cfg": ["BC-4", "M", "FC-6-2", "M", "FC-8-3"]},
            "SeparateFCs": {"in_channels": 8, "out_channels": 6, "parts_num": 16},
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]``."""
        inputs, labels, _, _, seq_lens = batch
        frames = frames_of(inputs[0])
        strips = self.HPP(self.Backbone(frames))  # [n, c, s, p]
        embeddings = self.Head(self.TFA(strips, seq_lens))
        return {
            "training_feat": {"triplet": {"embeddings": embeddings, "labels": labels}},
            "visual_summary": {"image/sils": frames.transpose(1, 2).flatten(0, 1)},
            "inference_feat": {"embeddings": embeddings},
        }

    def check_input_size(self, height: int, width: int) -> None:
        """Send one blank frame of ``height`` x ``width`` through the frame network and its strips."""
        # A copy, so that neither running statistics nor the modules' modes change.
        backbone = copy.deepcopy(self.Backbone.forward_block).eval()
        channels = int(getattr(backbone, "in_channel", 1))
        blank = self.Head.fc_bin.new_zeros(1, channels, height, width)

        def attempt() -> Tensor:
            strips: Tensor = self.HPP.forward_block(backbone(blank))
            return strips

        require_frame_size("GaitPart", height, width, attempt)
