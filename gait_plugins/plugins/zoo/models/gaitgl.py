"""GaitGL: whole frames and their strips side by side, over time (Lin et al., ICCV 2021, arXiv 2011.01461)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from typing_extensions import Self

from gait_plugins.api import ClassCount, GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import each_sequence, frames_of, heads, split_lengths
from gait_plugins.plugins.zoo.models.blocks.global_local import GeMHPP, GLConv, PlainConv3d
from gait_plugins.plugins.zoo.models.input_checks import Fit, require_fits, require_frame_size

STRIPS = 64
WINDOW = 3
"""Frames that local temporal aggregation makes one of."""


class GaitGL(GaitModel):
    """GaitGL as for CASIA-B (three widths) or deeper, as for OUMVLP and GREW (four widths).

    Frames are taken in windows of three: up to two last ones that fill none are left out, and a
    sequence of one or two frames is repeated until it fills one. Keys and shapes of the state dict are
    OpenGait's.

    Args:
        channels: three widths, or four for the deeper form.
        class_num: identities of the training set.
        necks: batch-norm necks with a classifier; None is the head of the paper, a batch norm that
            all parts share and a linear classifier for each.
    """

    frame_channels = 1

    def __init__(
        self, channels: Sequence[int], class_num: int, necks: heads.SeparateBNNecks | None = None
    ) -> None:
        super().__init__()
        _require_widths(channels)
        first, second, third, *_ = channels
        embedded = channels[-1]
        if len(channels) == 4:
            self.conv3d = nn.Sequential(*_conv(1, first), *_conv(first, first))
            self.LTA = _aggregation(first)
            self.GLConvA0: nn.Module = _pair(first, second)
            self.GLConvA1: nn.Module = _pair(second, third)
            self.GLConvB2: nn.Module = _pair(third, embedded, fm_sign=True)
        else:
            self.conv3d = nn.Sequential(*_conv(1, first))
            self.LTA = _aggregation(first)
            self.GLConvA0 = GLConv(first, second, halving=3)
            self.GLConvA1 = GLConv(second, third, halving=3)
            self.GLConvB2 = GLConv(third, embedded, halving=3, fm_sign=True)
        self.MaxPool0 = nn.MaxPool3d((1, 2, 2))
        self.HPP = GeMHPP((STRIPS,))
        self.Head0 = heads.SeparateFCs(STRIPS, embedded, embedded)
        self.num_classes = class_num
        self.BNNecks = necks
        if necks is None:
            self.Bn = nn.BatchNorm1d(embedded)
            self.Head1 = heads.SeparateFCs(STRIPS, embedded, class_num)
        else:
            _require_neck(necks, embedded, class_num)

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        channels: Sequence[int],
        class_num: ClassCount,
        SeparateBNNecks: heads.BNNecksOptions | None = None,
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            channels: three widths as for CASIA-B, four for the deeper form of OUMVLP and GREW.
            class_num: identities of the training set.
            SeparateBNNecks: parts (64), channels and identities of batch-norm necks, in place of the
                paper's head.
        """
        necks = None if SeparateBNNecks is None else heads.SeparateBNNecks(**SeparateBNNecks)
        return cls(channels, class_num, necks)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        return {"channels": [2, 4, 6], "class_num": 5}

    head_names = ("BNNecks", "Head1")

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and logits ``[n, classes, p]``."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, p]``."""
        frames = frames_of(batch.inputs[0])
        # Nothing before the heads looks at more than one sequence, so each goes alone: no convolution
        # over time reaches its neighbour, and each is cut into windows from its own start.
        maps = each_sequence(frames, split_lengths(batch.seq_lens), self._maps)
        parts: Tensor = self.Head0(self.HPP(maps))
        if self.BNNecks is None:
            parts = self.Bn(parts)
        return parts

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers and what losses and monitors get."""
        logits = self.Head1(embeddings) if self.BNNecks is None else self.BNNecks(embeddings)[1]
        return {
            "training_feat": {
                "triplet": {"embeddings": embeddings, "labels": batch.labels},
                "softmax": {"logits": logits, "labels": batch.labels},
            },
            "visual_summary": {"image/sils": frames_of(batch.inputs[0]).transpose(1, 2).flatten(0, 1)},
            "inference_feat": {"embeddings": embeddings},
        }

    def check_input_size(self, height: int, width: int) -> None:
        """Send one blank frame of ``height`` x ``width`` through the network and its strips."""
        blank = self.Head0.fc_bin.new_zeros(1, 1, 1, height, width)
        require_frame_size("GaitGL", height, width, lambda: self.HPP(self._maps(blank)))

    def _maps(self, frames: Tensor) -> Tensor:
        """Equally long sequences ``[n, 1, s, h, w]`` to their maximum over time ``[n, c, h, w / 2]``."""
        times = math.ceil(WINDOW / frames.shape[2])
        maps = self.LTA(self.conv3d(frames.repeat(1, 1, times, 1, 1)))
        maps = self.GLConvB2(self.GLConvA1(self.MaxPool0(self.GLConvA0(maps))))
        maximum: Tensor = maps.amax(2)
        return maximum


def _conv(in_channels: int, out_channels: int) -> tuple[nn.Module, nn.Module]:
    return PlainConv3d(in_channels, out_channels, kernel_size=3, padding=1), nn.LeakyReLU(inplace=True)


def _aggregation(channels: int) -> nn.Sequential:
    window = (WINDOW, 1, 1)
    return nn.Sequential(
        PlainConv3d(channels, channels, kernel_size=window, stride=window), nn.LeakyReLU(inplace=True)
    )


def _pair(in_channels: int, out_channels: int, fm_sign: bool = False) -> nn.Sequential:
    return nn.Sequential(
        GLConv(in_channels, out_channels, halving=1),
        GLConv(out_channels, out_channels, halving=1, fm_sign=fm_sign),
    )


def _require_widths(channels: Sequence[int]) -> None:
    if len(channels) not in (3, 4):
        raise ConfigError(
            f"channels has {len(channels)} values ({list(channels)}), expected 3 or 4",
            where="GaitGL",
            hint="give [32, 64, 128] as for CASIA-B, or [32, 64, 128, 256] as for OUMVLP and GREW",
        )


def _require_neck(necks: heads.SeparateBNNecks, channels: int, class_num: int) -> None:
    parts, inner, classes = necks.fc_bin.shape
    require_fits(
        "GaitGL",
        (
            Fit("SeparateBNNecks.parts_num", parts, STRIPS, "GaitGL's strips"),
            Fit("SeparateBNNecks.in_channels", inner, channels, "the last value of channels"),
            Fit("SeparateBNNecks.class_num", classes, class_num, "class_num"),
        ),
    )
