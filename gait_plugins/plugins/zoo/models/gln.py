"""GLN, the gait lateral network: set features of all depths, merged top-down (Hou et al., ECCV 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Self

from gait_plugins.api import ClassCount, GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, frames_of, heads
from gait_plugins.plugins.zoo.models.blocks.plain_conv import conv_block
from gait_plugins.plugins.zoo.models.input_checks import Fit, require_fits, require_frame_size

PYRAMID = (16, 8, 4, 2, 1)


class GLN(GaitModel):
    """Frame maps and their maxima at three depths, each depth added to the finer one, strips of them all.

    Trained in two phases: first without, then with the compact block, whose classifier shapes the
    embeddings before it. Keys and shapes of the state dict are OpenGait's, and as there the embedding is
    that of all parts, not the compact vector.

    Args:
        in_channels: channels of a frame and of the three stages.
        lateral_dim: channels of the merged maps.
        fcs: embedding of each part, the finest depth's first.
        bin_num: strips of each pyramid level, at each depth.
        class_num: identities of the training set; None leaves the compact block out.
        dropout: dropout of the compact block.
    """

    frame_channels: int

    def __init__(
        self,
        in_channels: Sequence[int],
        lateral_dim: int,
        fcs: heads.SeparateFCs,
        bin_num: Sequence[int] = PYRAMID,
        class_num: ClassCount | None = None,
        dropout: float = 0.9,
    ) -> None:
        super().__init__()
        if len(in_channels) != 4:
            raise ConfigError(
                f"in_channels has {len(in_channels)} values ({list(in_channels)}), expected 4",
                where="GLN",
                hint="give the channels of a frame and of the three stages, for example [1, 32, 64, 128]",
            )
        self.frame_channels, first, second, third = in_channels
        self.sil_stage_0 = FrameWise(conv_block(self.frame_channels, first, kernel=5))
        self.sil_stage_1 = FrameWise(conv_block(first, second))
        self.sil_stage_2 = FrameWise(conv_block(second, third))
        self.set_stage_1 = conv_block(first, second)
        self.set_stage_2 = conv_block(second, third)
        self.set_pooling = PackedMax()
        self.MaxP_sil = FrameWise(nn.MaxPool2d(2))
        self.MaxP_set = nn.MaxPool2d(2)
        self.lateral_layer1 = nn.Conv2d(2 * first, lateral_dim, 1, bias=False)
        self.lateral_layer2 = nn.Conv2d(2 * second, lateral_dim, 1, bias=False)
        self.lateral_layer3 = nn.Conv2d(2 * third, lateral_dim, 1, bias=False)
        self.smooth_layer1 = nn.Conv2d(lateral_dim, lateral_dim, 3, padding=1, bias=False)
        self.smooth_layer2 = nn.Conv2d(lateral_dim, lateral_dim, 3, padding=1, bias=False)
        self.smooth_layer3 = nn.Conv2d(lateral_dim, lateral_dim, 3, padding=1, bias=False)
        self.HPP = HorizontalPooling(bin_num)
        self.Head = fcs
        parts, inner, embedded = fcs.fc_bin.shape
        strips = Fit("SeparateFCs.parts_num", parts, 3 * sum(bin_num), "three times the strips of bin_num")
        channels = Fit("SeparateFCs.in_channels", inner, lateral_dim, "lateral_dim")
        require_fits("GLN", (strips, channels))
        self.num_classes = class_num
        if class_num is not None:
            self._add_compact_block(parts * embedded, embedded, class_num, dropout)

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        in_channels: Sequence[int],
        lateral_dim: int,
        hidden_dim: int,
        SeparateFCs: heads.FCsOptions,
        class_num: ClassCount,
        dropout: float = 0.9,
        bin_num: Sequence[int] = PYRAMID,
        Lateral_pretraining: bool = False,
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            in_channels: channels of a frame and of the three stages.
            lateral_dim: channels of the merged maps.
            hidden_dim: channels of each part's embedding and of the compact vector.
            SeparateFCs: parts (three for each strip), ``lateral_dim`` and ``hidden_dim``.
            class_num: identities of the training set.
            dropout: dropout of the compact block.
            bin_num: strips of each pyramid level, at each depth.
            Lateral_pretraining: leave the compact block out; the first phase.
        """
        embedded = Fit("SeparateFCs.out_channels", SeparateFCs["out_channels"], hidden_dim, "hidden_dim")
        require_fits("GLN", (embedded,))
        classes = None if Lateral_pretraining else class_num
        return cls(in_channels, lateral_dim, heads.SeparateFCs(**SeparateFCs), bin_num, classes, dropout)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, second phase, for silhouettes of 64x44."""
        return {
            "in_channels": [1, 4, 4, 6],
            "lateral_dim": 8,
            "hidden_dim": 6,
            "SeparateFCs": {"in_channels": 8, "out_channels": 6, "parts_num": 93},
            "class_num": 5,
        }

    head_names = ("encoder_bn", "reduce_dp", "reduce_ac", "reduce_fc", "reduce_bn", "reduce_cls")

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and, in the second phase, logits ``[n, classes, 1]``."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, p]``."""
        embeddings: Tensor = self.Head(self._parts(frames_of(batch.inputs[0]), batch.seq_lens))
        return embeddings

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The compact block, if there is one, and what losses and monitors get."""
        features = {"triplet": {"embeddings": embeddings, "labels": batch.labels}}
        if self.num_classes is not None:
            features["softmax"] = {"logits": self._logits(embeddings), "labels": batch.labels}
        return {
            "training_feat": features,
            "visual_summary": {"image/sils": frames_of(batch.inputs[0]).transpose(1, 2).flatten(0, 1)},
            "inference_feat": {"embeddings": embeddings},
        }

    def check_input_size(self, height: int, width: int) -> None:
        """Send one blank frame of ``height`` x ``width`` through the network."""
        blank = self.Head.fc_bin.new_zeros(1, self.frame_channels, 1, height, width)
        require_frame_size("GLN", height, width, lambda: self._parts(blank, None))

    def _add_compact_block(self, features: int, compact: int, class_num: int, dropout: float) -> None:
        self.encoder_bn = _scale_norm(features)
        self.reduce_dp = nn.Dropout(dropout)
        self.reduce_ac = nn.ReLU()
        self.reduce_fc = nn.Linear(features, compact, bias=False)
        self.reduce_bn = _scale_norm(compact)
        self.reduce_cls = nn.Linear(compact, class_num, bias=False)

    def _parts(self, frames: Tensor, seq_lens: Tensor | None) -> Tensor:
        maps = self.sil_stage_0(frames)
        finest = self.set_pooling(maps, seq_lens)
        maps = self.MaxP_sil(maps)
        branch = self.set_stage_1(self.set_pooling(maps, seq_lens))
        maps = self.sil_stage_1(maps)
        middle = self.set_pooling(maps, seq_lens)
        branch = branch + middle
        middle = torch.cat([middle, branch], 1)
        coarsest = self.set_pooling(self.sil_stage_2(self.MaxP_sil(maps)), seq_lens)
        coarsest = torch.cat([coarsest, self.set_stage_2(self.MaxP_set(branch)) + coarsest], 1)
        third = self.lateral_layer3(coarsest)
        second = _add_below(self.lateral_layer2(middle), third)
        first = _add_below(self.lateral_layer1(torch.cat([finest, finest], 1)), second)
        smooth = (self.smooth_layer1(first), self.smooth_layer2(second), self.smooth_layer3(third))
        return torch.cat([self.HPP(depth) for depth in smooth], -1)

    def _logits(self, embeddings: Tensor) -> Tensor:
        normed = self.encoder_bn(embeddings.flatten(1))
        compact = self.reduce_fc(self.reduce_ac(self.reduce_dp(normed)))
        logits: Tensor = self.reduce_cls(self.reduce_bn(compact))
        return logits.unsqueeze(2)


def _scale_norm(channels: int) -> nn.BatchNorm1d:
    """A batch norm that learns no offset."""
    norm = nn.BatchNorm1d(channels)
    norm.bias.requires_grad_(False)
    return norm


def _add_below(fine: Tensor, coarse: Tensor) -> Tensor:
    return fine + F.interpolate(coarse, size=fine.shape[-2:], mode="nearest")
