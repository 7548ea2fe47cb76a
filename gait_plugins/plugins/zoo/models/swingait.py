"""SwinGait: convolutions, then attention over space and time (Fan et al., arXiv 2303.03301)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import NotRequired, Self, TypedDict

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import (
    HorizontalPooling,
    PackedMax,
    SeparateFCs,
    frames_of,
    heads,
    split_by_weight_decay,
    split_lengths,
)
from gait_plugins.nn.blocks import stage, stem
from gait_plugins.plugins.zoo.models.blocks.swin import STD, VideoSwin
from gait_plugins.plugins.zoo.models.schedules import SteppedCosine

MAPS = (30, 20)
"""Height and width that the maps are resized to before the transformer; 15x10 tokens."""
UNDECAYED = ("patch_embed", "norm", "relative_position_bias_table")
PRETRAINED = 0.1
"""Factor on the learning rate of all but the transformer: they come from a trained DeepGaitV2."""

log = logging.getLogger("gait_plugins")


class SwinBackbone(TypedDict):
    """The network before the strips."""

    mode: NotRequired[Literal["p3d"]]
    in_channels: int
    layers: Sequence[int]
    channels: Sequence[int]


class SwinGait(GaitModel):
    """Two convolutional stages as in DeepGaitV2, two stages of shifted-window attention, part heads.

    Packed batches are embedded as their sequences one by one: no window holds frames of two sequences.
    The weights of a trained p3d DeepGaitV2 fit the stages and heads that both have: name its checkpoint
    as ``trainer_cfg.restore_hint`` with ``restore_ckpt_strict: false``.

    Args:
        necks: classifier of each part. It has one part more than there are strips: the last strip's
            features are embedded twice, and the second embedding is dropped, as published.
        layers: blocks of the two convolutional and the two attention stages.
        channels: width of each convolutional stage.
        in_channels: channels of a frame.
        bin_num: strips of each pyramid level.
        embed_dim: width of the first attention stage; the second has twice as much.
        num_heads: heads of each attention stage.
        drop_path: probability with which a sequence skips the last block in training.
        T_max_iter: iterations over which the learning rate falls along half a cosine, whatever
            ``scheduler_cfg`` says; None leaves it to ``scheduler_cfg``.
    """

    def __init__(
        self,
        necks: heads.SeparateBNNecks,
        layers: Sequence[int] = (1, 1, 2, 2),
        channels: Sequence[int] = (64, 128),
        in_channels: int = 1,
        bin_num: Sequence[int] = (15,),
        embed_dim: int = 256,
        num_heads: tuple[int, int] = (16, 32),
        drop_path: float = 0.1,
        T_max_iter: int | None = None,
    ) -> None:
        super().__init__()
        _check(layers, channels, embed_dim, num_heads)
        self.num_classes = necks.class_num
        self.cosine_steps = T_max_iter
        self.frame_channels = in_channels
        self.layer0 = stem(in_channels, channels[0])
        self.layer1 = stage("2d", channels[0], channels[0], 1, layers[0])
        self.layer2 = stage("p3d", channels[0], channels[1], 2, layers[1])
        self.transformer = VideoSwin(channels[1], embed_dim, (layers[2], layers[3]), num_heads, drop_path)
        parts, inner, _ = necks.fc_bin.shape
        if parts != sum(bin_num) + 1:
            raise ConfigError(
                f"SeparateBNNecks.parts_num is {parts}, expected {sum(bin_num) + 1} "
                "(one more than the strips)",
                where="SwinGait",
                hint=f"set SeparateBNNecks.parts_num to {sum(bin_num) + 1}",
            )
        self.FCs = SeparateFCs(parts, 2 * embed_dim, inner)
        self.BNNecks = necks
        self.TP = PackedMax()
        self.HPP = HorizontalPooling(bin_num)

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        Backbone: SwinBackbone,
        SeparateBNNecks: heads.BNNecksOptions,
        bin_num: Sequence[int] = (15,),
        embed_dim: int = 256,
        num_heads: tuple[int, int] = (16, 32),
        T_max_iter: int | None = None,
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            Backbone: channels of a frame, blocks of the four stages, width of the first two.
            SeparateBNNecks: parts (one more than strips), channels of the embedding and number of
                training identities.
            bin_num: strips of each pyramid level.
            embed_dim: width of the first attention stage; the second has twice as much.
            num_heads: heads of each attention stage.
            T_max_iter: iterations over which the learning rate falls along half a cosine, whatever
                scheduler_cfg says; OpenGait's files hold it under trainer_cfg, where it is accepted too.
        """
        backbone = {name: value for name, value in Backbone.items() if name != "mode"}
        necks = heads.SeparateBNNecks(**SeparateBNNecks)
        return cls(
            necks,
            bin_num=bin_num,
            embed_dim=embed_dim,
            num_heads=num_heads,
            T_max_iter=T_max_iter,
            **backbone,  # type: ignore[arg-type]
        )

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        return {
            "Backbone": {"mode": "p3d", "in_channels": 1, "layers": [1, 1, 2, 1], "channels": [4, 6]},
            "SeparateBNNecks": {"in_channels": 6, "class_num": 5, "parts_num": 16},
            "embed_dim": 8,
            "num_heads": [2, 4],
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and logits ``[n, classes, p]``, p the number of strips."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, p + 1]``, the last part being the second embedding of the last strip."""
        parts = self.HPP(self._maps(frames_of(batch.inputs[0]), batch.seq_lens))
        embeddings: Tensor = self.FCs(torch.cat([parts, parts[:, :, -1:].detach()], 2))
        return embeddings

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers and what losses and monitors get, without the last part."""
        _, logits = self.BNNecks(embeddings)
        kept = embeddings[:, :, :-1]
        return {
            "training_feat": {
                "triplet": {"embeddings": kept, "labels": batch.labels},
                "softmax": {"logits": logits[:, :, :-1], "labels": batch.labels},
            },
            "visual_summary": {"image/sils": frames_of(batch.inputs[0]).transpose(1, 2).flatten(0, 1)},
            "inference_feat": {"embeddings": kept},
        }

    def _maps(self, frames: Tensor, seq_lens: Tensor | None) -> Tensor:
        """Silhouettes ``[n, c, s, h, w]`` to the maxima over frames ``[n, c', h', w']``."""
        packed = split_lengths(seq_lens)
        x = self.layer1(self.layer0(frames), packed)
        x = self.layer2(x, packed).transpose(1, 2)
        n, s = x.shape[:2]
        x = F.interpolate(x.flatten(0, 1), MAPS, mode="bilinear", align_corners=True)
        x = self.transformer(x, [s] * n if packed is None else packed)
        peaks: Tensor = self.TP(x.unflatten(0, (n, s)), seq_lens, dim=1)
        return peaks.permute(0, 3, 1, 2)

    def check_input_size(self, height: int, width: int) -> None:
        """Any size will do: the maps are resized. Raises ``ConfigError`` where strips do not fit them."""
        tokens = MAPS[0] * MAPS[1] // 4
        for strips in self.HPP.strips:
            if tokens % strips:
                raise ConfigError(
                    f"{tokens} tokens do not divide into {strips} strips",
                    where="SwinGait",
                    hint="set bin_num to [15], as OpenGait's files do",
                )

    def init_parameters(self) -> None:
        """OpenGait's initialisation, but with normal linear layers (cut at 2) as transformers have them."""
        super().init_parameters()
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=STD)

    def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> Iterable[Any]:
        """The transformer's parameters, norms and biases of positions undecayed; all others learn slower.

        Raises:
            ConfigError: ``optimizer_cfg`` has no ``lr``.
        """
        if "lr" not in optimizer_cfg:
            raise ConfigError(
                "SwinGait trains its parts at shares of lr, but lr is not set",
                where="optimizer_cfg",
                hint="set it, for example -o optimizer_cfg.lr=0.0003",
            )
        lr = float(optimizer_cfg["lr"])
        decayed, spared = split_by_weight_decay(self.transformer.named_parameters(), UNDECAYED)
        yield {"params": spared, "lr": lr, "weight_decay": 0.0}
        yield {"params": decayed, "lr": lr}
        for part in self._pretrained():
            yield {"params": list(part.parameters()), "lr": lr * PRETRAINED}

    def _pretrained(self) -> Iterator[nn.Module]:
        yield from (self.FCs, self.BNNecks, self.layer0, self.layer1, self.layer2)

    def schedule(self, optimizer: Optimizer, configured: Callable[[], LRScheduler]) -> LRScheduler:
        """Half a cosine over ``T_max_iter`` iterations; the configured schedule where that is not set."""
        if self.cosine_steps is None:
            return configured()
        log.info(
            "SwinGait: the learning rate falls over %d iterations; scheduler_cfg has no effect",
            self.cosine_steps,
        )
        return SteppedCosine(optimizer, self.cosine_steps)


def _check(
    layers: Sequence[int], channels: Sequence[int], embed_dim: int, num_heads: tuple[int, int]
) -> None:
    for name, values, count in (("layers", layers, 4), ("channels", channels, 2)):
        if len(values) != count or min(values) < 1:
            raise ConfigError(
                f"{name} is {list(values)}, expected {count} numbers of at least 1",
                where="SwinGait",
                hint="give layers the blocks of four stages, and channels the widths of the first two",
            )
    if embed_dim % num_heads[0] or (2 * embed_dim) % num_heads[1]:
        raise ConfigError(
            f"widths {embed_dim} and {2 * embed_dim} do not divide among "
            f"{num_heads[0]} and {num_heads[1]} heads",
            where="SwinGait",
            hint="choose num_heads that divide the widths, as published: embed_dim 256, num_heads [16, 32]",
        )
