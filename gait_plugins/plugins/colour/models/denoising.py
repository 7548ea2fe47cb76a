"""DenoisingGait: flow within and between frames of a diffusion model's features (Jin et al., CVPR 2025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from typing_extensions import NotRequired, TypedDict

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.api.options import number_within
from gait_plugins.errors import ConfigError
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, SeparateFCs, heads, split_lengths
from gait_plugins.plugins.colour.models.denoising_layers import (
    AppearancePair,
    AttentionFusion,
    LastStage,
    SelfPair,
    Stem,
)
from gait_plugins.plugins.colour.models.flow import flow
from gait_plugins.plugins.colour.models.morphology import dilated, eroded
from gait_plugins.plugins.colour.streams import (
    LATENTS,
    MASKS,
    called,
    require_inputs,
    require_one_size,
    usual,
)

RADII = (1, 2, 3)
"""Of the windows within a frame."""
ERODED = 5
"""Pixels of the square that a mask is eroded by."""
LAST_THRESHOLD = 0.5
"""Of the widest window, whatever ``threshold`` says."""


class StagesOptions(TypedDict):
    """The residual network on the flow."""

    channels: Sequence[int]
    layers: Sequence[int]
    strides: Sequence[int]
    maxpool: NotRequired[bool]
    type: NotRequired[Literal["ResNet9"]]
    block: NotRequired[Literal["BasicBlock"]]


class DenoisingGait(GaitModel):
    """Where a frame's features are found again, in the same frame and in the next one, and who walks so.

    The features are made beforehand, by a diffusion model that is no part of this one. Flow from a frame to
    the next says something only where frames come in their order: sample them ``ordered`` or ``allordered``.

    Args:
        backbone_cfg: widths, depths and strides of the four stages.
        SeparateFCs: parts and channels of the embedding.
        SeparateBNNecks: parts, channels and identities of the classifier.
        bin_num: strips of the last map; together as many as parts.
        r: pixels of the window in the next frame.
        p: part of the sequences of a training batch whose long flow inside the body is set to 0.
        threshold: pixels above which flow is long; in the widest of the three windows always 0.5.
        streams: what the data call ``latents`` and ``silhouettes``, in this order, where that is otherwise.
        published: parity with OpenGait: in a packed batch, a sequence's last frame is compared with the next
            sequence's first.
    """

    head_names = ()
    ignored_options: ClassVar[Mapping[str, str]] = {
        "diffusion_ckpt": "the features are read from files, no diffusion model is run",
        "test_da": "nothing is set to 0 in a test",
        "eroded_kernel": "masks are always eroded by 5x5 pixels",
        "in_channel": "the two networks take 2 and 6 channels of flow",
    }

    def __init__(
        self,
        backbone_cfg: StagesOptions,
        SeparateFCs: heads.FCsOptions,
        SeparateBNNecks: heads.BNNecksOptions,
        bin_num: Sequence[int],
        r: int = 3,
        p: float = 0.5,
        threshold: float = 0.5,
        streams: Sequence[str] | None = None,
        published: bool = False,
    ) -> None:
        super().__init__()
        _check(backbone_cfg, SeparateFCs, SeparateBNNecks, bin_num, r)
        self.streams = called("DenoisingGait", (LATENTS, MASKS), streams)
        self.p = number_within("DenoisingGait", "p", p, 0, 1)
        self.r, self.threshold, self.published = r, threshold, published
        self.num_classes = SeparateBNNecks["class_num"]
        self.Backbone = FlowNetwork(backbone_cfg, SeparateFCs, SeparateBNNecks, bin_num)
        self.AppF = AppearancePair()
        self.AF, self.AF2, self.AF3 = SelfPair(), SelfPair(), SelfPair()

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Features, then silhouettes."""
        return usual(("latents", "silhouettes"))

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for features of 64x44."""
        stages = {"channels": [4, 4, 8, 8], "layers": [1, 1, 1, 1], "strides": [1, 2, 2, 1]}
        return {
            "backbone_cfg": stages,
            "SeparateFCs": {"parts_num": 8, "in_channels": 8, "out_channels": 6},
            "SeparateBNNecks": {"parts_num": 8, "in_channels": 6, "class_num": 5},
            "bin_num": [8],
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and logits ``[n, classes, p]``."""
        batch = GaitBatch.of(batch)
        require_inputs("DenoisingGait", batch.inputs, self.streams or ())
        latents, masks = batch.inputs
        require_one_size("DenoisingGait", latents, masks, ("latents", "silhouettes"))
        n, s = masks.shape[:2]
        lengths = split_lengths(batch.seq_lens)
        frames, body = latents.flatten(0, 1), (masks > 0).float().flatten(0, 1).unsqueeze(1)
        within = self.within(frames, body, lengths or [s] * n)
        onward = self.onward(frames, body, [s] * n if lengths is None or self.published else lengths)
        embeddings, logits = self.Backbone(within, onward, (n, s), batch.seq_lens)
        return heads.part_output(embeddings, logits, batch.labels, masks.flatten(0, 1).unsqueeze(1))

    def within(self, frames: Tensor, body: Tensor, lengths: Sequence[int]) -> Tensor:
        """Flow within each frame by three windows, ``[m, 6, h, w]``.

        Args:
            frames: features ``[m, 4, h, w]``.
            body: 0 or 1, ``[m, 1, h, w]``.
            lengths: frames of each sequence, m in all.
        """
        found = []
        for pair, radius in zip((self.AF, self.AF2, self.AF3), RADII, strict=True):
            one, other = pair(frames, body)
            found.append(flow(one, other, radius))
        chosen = self.smoothed(len(lengths)) if self.training else []
        if chosen:
            marks = torch.zeros(len(lengths), device=body.device)
            marks[chosen] = 1
            repeats = torch.tensor(lengths, device=body.device)
            inside = eroded(body, ERODED) * marks.repeat_interleave(repeats).view(-1, 1, 1, 1)
            limits = (self.threshold, self.threshold, LAST_THRESHOLD)
            found = [
                torch.where(inside > 0, without_long(each * inside, limit), each)
                for each, limit in zip(found, limits, strict=True)
            ]
        return torch.cat(found, 1)

    def onward(self, frames: Tensor, body: Tensor, lengths: Sequence[int]) -> Tensor:
        """Flow from each frame to the next of its sequence, ``[m, 2, h, w]``; from the last to itself."""
        following = torch.arange(1, len(frames) + 1, device=frames.device)
        ends = torch.tensor(lengths, device=frames.device).cumsum(0) - 1
        following[ends] = ends
        one, other = self.AppF(frames, frames[following], body, body[following])
        return flow(one, other, self.r)

    def smoothed(self, count: int) -> list[int]:
        """Which of so many sequences lose their long flow; drawn by torch's generator."""
        chosen: list[int] = torch.randperm(count)[: round(count * self.p)].tolist()
        return chosen

    def check_input_size(self, height: int, width: int) -> None:
        """Raise ``ConfigError`` where the last maps do not divide into the strips."""
        network = self.Backbone
        h, w = network.map_size(height, width)
        for strips in network.HPP.strips:
            if (h * w) % strips:
                raise ConfigError(
                    f"frames of {height}x{width} become maps of {h}x{w}, which do not divide into {strips} "
                    "strips",
                    where="DenoisingGait",
                    hint="the published features are 96x48, for 24 strips",
                )


class FlowNetwork(nn.Module):
    """Two residual stems, their fusion, a last stage, strips and heads; keys are OpenGait's."""

    def __init__(
        self,
        stages: StagesOptions,
        fcs: heads.FCsOptions,
        necks: heads.BNNecksOptions,
        strips: Sequence[int],
    ) -> None:
        super().__init__()
        channels, layers, strides = stages["channels"], stages["layers"], stages["strides"]
        pool = stages.get("maxpool", True)
        self.steps = [*strides, 2] if pool else [*strides]
        self.pre_attn = FrameWise(Stem(2, channels, layers, strides, pool))
        self.pre_noise = FrameWise(Stem(6, channels, layers, strides, pool))
        self.post_backbone = FrameWise(LastStage(channels[2], channels[3], layers[3], strides[3]))
        self.FCs = SeparateFCs(**fcs)
        self.BNNecks = heads.SeparateBNNecks(**necks)
        self.TP = PackedMax()
        self.HPP = HorizontalPooling(strips)
        self.fusion = AttentionFusion(channels[2])

    def forward(
        self, within: Tensor, onward: Tensor, form: tuple[int, int], seq_lens: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Flow ``[m, 6, h, w]`` and ``[m, 2, h, w]`` to embeddings ``[n, c, p]`` and logits."""
        fused = self.fusion(self.pre_noise.forward_block(within), self.pre_attn.forward_block(onward))
        maps: Tensor = self.post_backbone.forward_block(fused)
        sequences = maps.view(*form, *maps.shape[1:]).transpose(1, 2)
        embeddings: Tensor = self.FCs(self.HPP(self.TP(sequences, seq_lens)))
        return embeddings, self.BNNecks(embeddings)[1]

    def map_size(self, height: int, width: int) -> tuple[int, int]:
        """Of the last map."""
        for step in self.steps:
            height, width = -(-height // step), -(-width // step)
        return height, width


def without_long(vectors: Tensor, threshold: float) -> Tensor:
    """Vectors ``[m, 2, h, w]``; those longer than ``threshold`` and their eight neighbours become 0."""
    long = (vectors.square().sum(1, keepdim=True).sqrt() > threshold).float()
    return vectors * (1 - dilated(long, 3))


def _check(
    stages: StagesOptions,
    fcs: heads.FCsOptions,
    necks: heads.BNNecksOptions,
    strips: Sequence[int],
    radius: int,
) -> None:
    """Refuse sizes that do not fit each other."""
    sizes: dict[str, Sequence[int]] = {
        "channels": stages["channels"],
        "layers": stages["layers"],
        "strides": stages["strides"],
    }
    for name, values in sizes.items():
        if len(values) != 4 or min(values) < 1:
            raise ConfigError(
                f"{name} is {list(values)}, expected a number of 1 or more for each of the 4 stages",
                where="DenoisingGait",
            )
    fits = {
        "SeparateFCs.parts_num": (fcs["parts_num"], sum(strips), "the sum of bin_num"),
        "SeparateFCs.in_channels": (fcs["in_channels"], sizes["channels"][3], "the last of channels"),
        "SeparateBNNecks.parts_num": (necks["parts_num"], sum(strips), "the sum of bin_num"),
        "SeparateBNNecks.in_channels": (
            necks["in_channels"],
            fcs["out_channels"],
            "SeparateFCs.out_channels",
        ),
        "r": (radius, max(radius, 1), "at least a pixel"),
    }
    for name, (found, expected, because) in fits.items():
        if found != expected:
            raise ConfigError(
                f"{name} is {found}, expected {expected} ({because})",
                where="DenoisingGait",
                hint=f"set {name} to {expected}",
            )
