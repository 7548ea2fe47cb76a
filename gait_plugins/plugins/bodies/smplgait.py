"""SMPLGait: silhouettes whose maps a body model turns (Zheng et al., CVPR 2022, arXiv 2204.02569)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Self

from gait_plugins.api import SILHOUETTES, Backbone, GaitBatch, GaitModel, ModelOutput, Stream
from gait_plugins.errors import ConfigError
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, frames_of, heads
from gait_plugins.plugins.bodies.fitting import require, require_frame_size
from gait_plugins.plugins.bodies.labels import LABELS, PARSING

PARAMETERS = 85
SMPL = Stream(
    "smpl",
    (PARAMETERS,),
    "float32",
    about="camera 3, pose 72 (axis and angle, radians), shape 10",
)
SIZE = 16
"""Rows and columns of the matrix that is made of a body's parameters."""
DROPOUT = 0.2
PYRAMID = (16, 8, 4, 2, 1)
Pictures = Literal["silhouettes", "parsing"]


class SMPLGait(GaitModel):
    """A frame network; a matrix made of each frame's body parameters mixes the columns of its maps.

    Keys and shapes of the state dict are OpenGait's.

    Args:
        backbone: network from frames ``[m, 1, h, w]`` to maps ``[m, c, 16, w']``, w' up to 16.
        fcs: embedding of each strip.
        necks: classifier of each strip.
        bin_num: strips of each pyramid level.
        pictures: the stream beside the parameters: silhouettes, or parsing (labels as numbers).
    """

    def __init__(
        self,
        backbone: nn.Module,
        fcs: heads.SeparateFCs,
        necks: heads.SeparateBNNecks,
        bin_num: Sequence[int] = PYRAMID,
        pictures: Pictures = "silhouettes",
    ) -> None:
        super().__init__()
        _require_heads(backbone, fcs, necks, sum(bin_num))
        self.pictures = pictures
        self.streams = (PARSING if pictures == "parsing" else SILHOUETTES, SMPL)
        self.Backbone = FrameWise(backbone)
        self.FCs = fcs
        self.BNNecks = necks
        self.TP = PackedMax()
        self.HPP = HorizontalPooling(bin_num)
        self.fc1 = nn.Linear(PARAMETERS, 128)
        self.fc2 = nn.Linear(128, 256)
        self.fc3 = nn.Linear(256, SIZE * SIZE)
        self.bn1 = nn.BatchNorm1d(128)
        self.bn2 = nn.BatchNorm1d(256)
        self.bn3 = nn.BatchNorm1d(SIZE * SIZE)
        self.num_classes = necks.class_num

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        backbone_cfg: Backbone,
        SeparateFCs: heads.FCsOptions,
        SeparateBNNecks: heads.BNNecksOptions,
        bin_num: Sequence[int] = PYRAMID,
        pictures: Pictures = "silhouettes",
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            backbone_cfg: frame network, ``Plain`` in SMPLGait.
            SeparateFCs: strips, channels of the maps and of the embedding.
            SeparateBNNecks: strips, channels of the embedding and number of training identities.
            bin_num: strips of each pyramid level.
            pictures: the stream beside the body's parameters: silhouettes, or parsing.
        """
        fcs, necks = heads.SeparateFCs(**SeparateFCs), heads.SeparateBNNecks(**SeparateBNNecks)
        return cls(backbone_cfg, fcs, necks, bin_num, pictures)

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """The pictures, then the parameters, as OpenGait's script names the files."""
        if options.get("pictures", "silhouettes") == "parsing":
            return {"parsing": {"type": "Parsing"}, "smpl": {"type": "Smpl"}}
        return {"silhouettes": {"type": "Silhouettes"}, "smpl": {"type": "Smpl"}}

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        return {
            "backbone_cfg": {"type": "Plain", "layers_cfg": ["BC-4", "M", "BC-4", "M", "BC-8"]},
            "SeparateFCs": {"parts_num": 31, "in_channels": 8, "out_channels": 6},
            "SeparateBNNecks": {"parts_num": 31, "in_channels": 6, "class_num": 5},
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and logits ``[n, classes, p]``."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, p]``."""
        pictures, parameters = batch.inputs
        maps: Tensor = self.Backbone(frames_of(pictures))  # [n, c, s, h, w]
        matrices = self._matrices(parameters.flatten(0, 1)).view(*parameters.shape[:2], SIZE, SIZE)
        # Beyond the maps' columns there would be zeros: only as many rows of the matrix count.
        turned = maps @ matrices[:, None, :, : maps.shape[-1]]
        embeddings: Tensor = self.FCs(self.HPP(self.TP(turned, batch.seq_lens)))
        return embeddings

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers and what losses and monitors get."""
        _, logits = self.BNNecks(embeddings)
        pictures = frames_of(batch.inputs[0]).transpose(1, 2).flatten(0, 1)
        shown = pictures / LABELS if self.pictures == "parsing" else pictures
        return heads.part_output(embeddings, logits, batch.labels, shown)

    def check_input_size(self, height: int, width: int) -> None:
        """Send one blank frame of ``height`` x ``width`` through the frame network and the matrix."""
        # A copy, so that neither running statistics nor the modules' modes change.
        backbone = copy.deepcopy(self.Backbone.forward_block).eval()
        blank = self.FCs.fc_bin.new_zeros(1, 1, height, width)

        def attempt() -> None:
            h, w = backbone(blank).shape[-2:]
            if h != SIZE or w > SIZE:
                raise ConfigError(f"their maps are {h}x{w}, expected {SIZE} rows and at most {SIZE} columns")

        require_frame_size("SMPLGait", height, width, attempt)

    def _matrices(self, parameters: Tensor) -> Tensor:
        """``[m, 85]`` to ``[m, 16, 16]``; about the identity."""
        x = F.relu(self.bn1(self.fc1(parameters)))
        for layer, norm in ((self.fc2, self.bn2), (self.fc3, self.bn3)):
            x = F.relu(norm(F.dropout(layer(x), DROPOUT, self.training)))
        identity = torch.eye(SIZE, dtype=x.dtype, device=x.device)
        return x.view(-1, SIZE, SIZE) + identity


def _require_heads(
    backbone: nn.Module, fcs: heads.SeparateFCs, necks: heads.SeparateBNNecks, strips: int
) -> None:
    parts, inner, embedded = fcs.fc_bin.shape
    neck_parts, neck_inner, _ = necks.fc_bin.shape
    maps = getattr(backbone, "out_channels", inner)
    channels = getattr(backbone, "in_channel", 1)
    require("SMPLGait", "SeparateFCs.parts_num", parts, strips, "the strips of bin_num")
    require("SMPLGait", "SeparateFCs.in_channels", inner, maps, "the channels of the backbone's maps")
    require("SMPLGait", "SeparateBNNecks.parts_num", neck_parts, strips, "the strips of bin_num")
    require("SMPLGait", "SeparateBNNecks.in_channels", neck_inner, embedded, "SeparateFCs.out_channels")
    require("SMPLGait", "backbone_cfg.in_channels", channels, 1, "pictures of one channel")
