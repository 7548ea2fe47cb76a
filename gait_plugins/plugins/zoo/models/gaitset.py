"""GaitSet: a silhouette sequence as a set (Chao et al., AAAI 2019, arXiv 1811.06186)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from typing_extensions import Self

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, frames_of, heads
from gait_plugins.plugins.zoo.models.blocks.plain_conv import conv_block
from gait_plugins.plugins.zoo.models.input_checks import Fit, require_fits, require_frame_size


class GaitSet(GaitModel):
    """Frame maps and their maxima at three depths, the latter in a branch of their own.

    The order of the frames changes nothing. Keys and shapes of the state dict are OpenGait's.

    Args:
        in_channels: channels of a frame and of the three blocks.
        fcs: embedding of each part; the first half are the parts of the frame maps' maximum, the
            second half those of the branch.
        bin_num: strips of each pyramid level.
    """

    frame_channels: int

    def __init__(
        self, in_channels: Sequence[int], fcs: heads.SeparateFCs, bin_num: Sequence[int] = (16, 8, 4, 2, 1)
    ) -> None:
        super().__init__()
        if len(in_channels) != 4:
            raise ConfigError(
                f"in_channels has {len(in_channels)} values ({list(in_channels)}), expected 4",
                where="GaitSet",
                hint="give the channels of a frame and of the three blocks, for example [1, 32, 64, 128]",
            )
        frame, first, second, third = in_channels
        self.set_block1 = FrameWise(conv_block(frame, first, kernel=5, halves=True))
        self.set_block2 = FrameWise(conv_block(first, second, halves=True))
        self.set_block3 = FrameWise(conv_block(second, third))
        self.gl_block2 = conv_block(first, second, halves=True)
        self.gl_block3 = conv_block(second, third)
        self.set_pooling = PackedMax()
        self.Head = fcs
        self.HPP = HorizontalPooling(bin_num)
        self.frame_channels = frame
        parts, inner, _ = fcs.fc_bin.shape
        strips = Fit(
            "SeparateFCs.parts_num", parts, 2 * sum(bin_num), "twice the strips of bin_num, for two branches"
        )
        channels = Fit("SeparateFCs.in_channels", inner, third, "the last value of in_channels")
        require_fits("GaitSet", (strips, channels))

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        in_channels: Sequence[int],
        SeparateFCs: heads.FCsOptions,
        bin_num: Sequence[int] = (16, 8, 4, 2, 1),
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            in_channels: channels of a frame and of the three blocks.
            SeparateFCs: parts (two for each strip), channels of the last block and of the embedding.
            bin_num: strips of each pyramid level.
        """
        return cls(in_channels, heads.SeparateFCs(**SeparateFCs), bin_num)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        return {
            "in_channels": [1, 4, 4, 8],
            "SeparateFCs": {"in_channels": 8, "out_channels": 6, "parts_num": 62},
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]``."""
        inputs, labels, _, _, seq_lens = batch
        frames = frames_of(inputs[0])
        embeddings = self.Head(self._parts(frames, seq_lens))
        return {
            "training_feat": {"triplet": {"embeddings": embeddings, "labels": labels}},
            "visual_summary": {"image/sils": frames.transpose(1, 2).flatten(0, 1)},
            "inference_feat": {"embeddings": embeddings},
        }

    def check_input_size(self, height: int, width: int) -> None:
        """Send one blank frame of ``height`` x ``width`` through the network."""
        blank = self.Head.fc_bin.new_zeros(1, self.frame_channels, 1, height, width)
        require_frame_size("GaitSet", height, width, lambda: self._parts(blank, None))

    def _parts(self, frames: Tensor, seq_lens: Tensor | None) -> Tensor:
        maps = self.set_block1(frames)
        branch = self.gl_block2(self.set_pooling(maps, seq_lens))
        maps = self.set_block2(maps)
        branch = self.gl_block3(branch + self.set_pooling(maps, seq_lens))
        maximum = self.set_pooling(self.set_block3(maps), seq_lens)
        return torch.cat([self.HPP(maximum), self.HPP(branch + maximum)], -1)
