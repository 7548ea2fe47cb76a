"""TrackletGait and its small form (arXiv 2508.02143)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from gait_plugins.api import ClassCount, GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import HorizontalPooling, SeparateFCs, frame_peaks, heads, split_lengths
from gait_plugins.nn import SeparateBNNecks as Necks
from gait_plugins.plugins.tracklet.block import Stem, TrackletBlock
from gait_plugins.plugins.tracklet.layers import UNSTRIDED, Stride, Timeline, to_rows
from gait_plugins.plugins.tracklet.stages import stages_of

HALVED: Stride = (1, 2, 2)
SHOWN_FRAMES = 8


class ClassNumber(TypedDict):
    """The classifier head's size."""

    class_num: ClassCount


class TrackletGait(GaitModel):
    """TrackletGait (arXiv 2508.02143, section 3): a residual network over silhouette tracklets.

    Keys and shapes of the state dict are the published ones. Packed batches are embedded as their
    sequences one by one.

    Args:
        SeparateBNNecks: ``class_num``, the identities of the training set.
        widths: output channels of each stage.
        strides: stride of each stage over (frames, height, width): [1,1,1], [1,2,2], [2,1,1] or [2,2,2].
        temporal: whether each stage has the convolution over frames.
        depths: blocks of each stage; the first one strides. One each where left out.
        stage_numbers: number of each stage in the state-dict keys (``layer2``); counted from 1 where
            left out.
        in_channels: channels of a frame.
        stem_channels: channels after the 1x1 stem.
        strips: horizontal strips, one part each.
        embedding_channels: channels of each part's embedding.
        temporal_kernel: frames that a temporal convolution spans, odd.
        temporal_groups: groups of a temporal convolution.
        wavelet: PyWavelets wavelet of the downsampling.
    """

    def __init__(
        self,
        SeparateBNNecks: ClassNumber,
        widths: Sequence[int] = (64, 128, 128, 128, 128, 256, 256, 256, 256, 512),
        strides: Sequence[Sequence[int]] = (
            UNSTRIDED,
            HALVED,
            *(UNSTRIDED,) * 3,
            HALVED,
            *(UNSTRIDED,) * 4,
        ),
        temporal: Sequence[bool] = (False, *(True,) * 9),
        depths: Sequence[int] | None = None,
        stage_numbers: Sequence[int] | None = None,
        in_channels: int = 1,
        stem_channels: int = 16,
        strips: int = 16,
        embedding_channels: int = 256,
        temporal_kernel: int = 7,
        temporal_groups: int = 4,
        wavelet: str = "haar",
    ) -> None:
        super().__init__()
        plan = stages_of(widths, strides, temporal, depths, stage_numbers)
        self.num_classes = SeparateBNNecks["class_num"]
        self.spatial_strides = [stage.stride[1:] for stage in plan]
        self.strips = strips
        self.frame_channels = in_channels
        self.pooling1 = Stem(in_channels, stem_channels)
        channels = stem_channels
        for stage in plan:
            blocks = [
                TrackletBlock(
                    channels if first else stage.width,
                    stage.width,
                    stage.stride if first else UNSTRIDED,
                    stage.temporal,
                    temporal_kernel,
                    temporal_groups,
                    wavelet,
                )
                for first in (True, *(False,) * (stage.depth - 1))
            ]
            self.add_module(f"layer{stage.number}", nn.Sequential(*blocks))
            channels = stage.width
        self.stages = [f"layer{stage.number}" for stage in plan]
        self.FCs = SeparateFCs(strips, channels, embedding_channels)
        self.BNNecks = Necks(strips, embedding_channels, self.num_classes)
        self.HPP = HorizontalPooling((strips,))
        self.init_parameters()

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow and shallow, for silhouettes of 64x44."""
        return {
            "SeparateBNNecks": {"class_num": 5},
            "widths": [8, 8, 16],
            "strides": [[1, 1, 1], [1, 2, 2], [1, 2, 2]],
            "temporal": [False, True, True],
            "stem_channels": 4,
            "embedding_channels": 6,
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and logits ``[n, classes, p]``."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, p]``."""
        return self.embed(batch.inputs[0], batch.seq_lens)

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers and what losses and monitors get."""
        _, logits = self.BNNecks(embeddings)
        pictures = flat_frames(batch.inputs[0])[:SHOWN_FRAMES].detach()
        return heads.part_output(embeddings, logits, batch.labels, pictures)

    def embed(self, silhouettes: Tensor, seq_lens: Tensor | None = None) -> Tensor:
        """Part embeddings ``[n, c, p]``.

        Args:
            silhouettes: ``[n, s, h, w]`` or ``[n, s, c, h, w]`` in [0, 1]; packed ``[1, sum(s), ...]``.
            seq_lens: frames of each packed sequence, int ``[1, n]``.
        """
        time = Timeline(silhouettes.shape[0], split_lengths(seq_lens))
        x = self.pooling1(flat_frames(silhouettes))
        for name in self.stages:
            for block in self.get_submodule(name).children():
                x, time = block(x, time)
        rows = to_rows(x, time.rows)
        if time.lengths is None:
            peaks = frame_peaks(rows, 1)
        else:
            peaks = torch.cat([frame_peaks(part, 1) for part in torch.split(rows, time.lengths, 1)])
        embeddings: Tensor = self.FCs(self.HPP(peaks.permute(0, 3, 1, 2)))
        return embeddings

    def check_input_size(self, height: int, width: int) -> None:
        """Raise ``ConfigError`` where the last feature map does not divide into the strips."""
        h, w = height, width
        for down, across in self.spatial_strides:
            h, w = -(-h // down), -(-w // across)
        if (h * w) % self.strips:
            raise ConfigError(
                f"frames of {height}x{width} become feature maps of {h}x{w}, which do not divide into "
                f"{self.strips} strips",
                where=type(self).__name__,
                hint="the published size is 64x44; cut or resize the silhouettes, or change strips",
            )


def flat_frames(silhouettes: Tensor) -> Tensor:
    """``[n, s, h, w]`` or ``[n, s, c, h, w]`` as ``[n * s, c, h, w]``."""
    frames = silhouettes.flatten(0, 1)
    return frames.unsqueeze(1) if silhouettes.dim() == 4 else frames


class TrackletGaitSmall(TrackletGait):
    """The small TrackletGait: two halving stages, straight after the stem.

    Args:
        SeparateBNNecks: ``class_num``, the identities of the training set.
        widths: output channels of each stage.
        strides: stride of each stage over (frames, height, width): [1,1,1], [1,2,2], [2,1,1] or [2,2,2].
        temporal: whether each stage has the convolution over frames.
        depths: blocks of each stage; the first one strides. One each where left out.
        stage_numbers: number of each stage in the state-dict keys (``layer2``).
        in_channels: channels of a frame.
        stem_channels: channels after the 1x1 stem.
        strips: horizontal strips, one part each.
        embedding_channels: channels of each part's embedding.
        temporal_kernel: frames that a temporal convolution spans, odd.
        temporal_groups: groups of a temporal convolution.
        wavelet: PyWavelets wavelet of the downsampling.
    """

    def __init__(
        self,
        SeparateBNNecks: ClassNumber,
        widths: Sequence[int] = (256, 512),
        strides: Sequence[Sequence[int]] = (HALVED, HALVED),
        temporal: Sequence[bool] = (True, True),
        depths: Sequence[int] | None = None,
        stage_numbers: Sequence[int] = (2, 6),
        in_channels: int = 1,
        stem_channels: int = 16,
        strips: int = 16,
        embedding_channels: int = 256,
        temporal_kernel: int = 7,
        temporal_groups: int = 4,
        wavelet: str = "haar",
    ) -> None:
        super().__init__(
            SeparateBNNecks,
            widths=widths,
            strides=strides,
            temporal=temporal,
            depths=depths,
            stage_numbers=stage_numbers,
            in_channels=in_channels,
            stem_channels=stem_channels,
            strips=strips,
            embedding_channels=embedding_channels,
            temporal_kernel=temporal_kernel,
            temporal_groups=temporal_groups,
            wavelet=wavelet,
        )

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        heads = {"SeparateBNNecks": {"class_num": 5}, "stem_channels": 4, "embedding_channels": 6}
        return {**heads, "widths": [8, 16]}
