"""GaitSSB: contrastive pretraining on walks without labels, and fine-tuning (Fan et al., TPAMI 2023)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import Self

from gait_plugins.api import Backbone, GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, SeparateFCs, frames_of, views_of
from gait_plugins.plugins.zoo.models.input_checks import Fit, require_fits, require_frame_size
from gait_plugins.plugins.zoo.models.schedules import FlooredSchedule

STRIPS = (16, 8, 4, 2, 1)
STAGES = ("layer1", "layer2", "layer3", "layer4")
STEM = ("conv1", "bn1")


class PartNorm(nn.Module):
    """One batch norm over all channels of all parts.

    Args:
        parts: parts ``p``.
        channels: channels of each.
    """

    def __init__(self, parts: int, channels: int) -> None:
        super().__init__()
        self.bn1d = nn.BatchNorm1d(channels * parts)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, p]`` to the same."""
        normed: Tensor = self.bn1d(x.flatten(1))
        return normed.view_as(x)


class _Encoder(GaitModel):
    """What both forms share: frame network, maximum over frames, strips, projector."""

    def __init__(self, backbone: nn.Module, parts_num: int) -> None:
        super().__init__()
        name = type(self).__name__
        if not isinstance(getattr(backbone, "out_channels", None), int):
            raise ConfigError(
                f"{type(backbone).__name__} does not state how many channels its maps have",
                where=name,
                hint="give the backbone an attribute out_channels",
            )
        require_fits(name, [Fit("parts_num", parts_num, sum(STRIPS), f"the strips of {list(STRIPS)}")])
        self.channels = int(backbone.out_channels)  # type: ignore[arg-type]
        self.frame_channels = getattr(backbone, "in_channel", None)
        self.Backbone = FrameWise(backbone)
        self.TP = PackedMax()
        self.HPP = HorizontalPooling(STRIPS)
        self.projector = nn.Sequential(*self._mlp(parts_num), PartNorm(parts_num, self.channels))

    def _mlp(self, parts: int) -> list[nn.Module]:
        width = self.channels
        return [
            SeparateFCs(parts, width, width),
            PartNorm(parts, width),
            nn.ReLU(),
            SeparateFCs(parts, width, width),
        ]

    def encode(self, silhouettes: Tensor, seq_lens: Tensor | None) -> Tensor:
        """Projected features ``[n, c, p]`` of silhouettes ``[n, s, h, w]`` or packed."""
        features = self.HPP(self.TP(self.Backbone(frames_of(silhouettes)), seq_lens))
        projected: Tensor = self.projector(features)
        return projected

    def check_input_size(self, height: int, width: int) -> None:
        """Send one blank frame of ``height`` x ``width`` through the network and its strips."""
        backbone = copy.deepcopy(self.Backbone.forward_block).eval()
        frame = next(self.projector.parameters()).new_zeros(
            1, getattr(backbone, "in_channel", 1), height, width
        )
        require_frame_size(type(self).__name__, height, width, lambda: self.HPP(backbone(frame)))

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        backbone = {"type": "ResNet9", "channels": [4, 4, 6, 6], "layers": [1, 1, 1, 1], "maxpool": False}
        return {"backbone_cfg": backbone, "parts_num": 31}


class GaitSSBPretrain(_Encoder):
    """SimSiam on walks (Chen and He, CVPR 2021): one view of a sequence predicts the other, part by part.

    In training the first half of a batch holds one view of each sequence, the second half another one, as
    ``BilateralSampler`` makes them. Each prediction is to be nearest to the other view of its own sequence
    among those of the whole batch, all processes together.

    Args:
        backbone: network from frames ``[m, c, h, w]`` to maps ``[m, c', h', w']``.
        parts_num: strips of all pyramid levels, 31.
    """

    def __init__(self, backbone: nn.Module, parts_num: int = sum(STRIPS)) -> None:
        super().__init__(backbone, parts_num)
        self.predictor = nn.Sequential(*self._mlp(parts_num))

    @classmethod
    def from_config(  # type: ignore[override]
        cls, *, backbone_cfg: Backbone, parts_num: int = sum(STRIPS)
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            backbone_cfg: frame network, ``ResNet9`` as published.
            parts_num: strips of all pyramid levels, 31.
        """
        return cls(backbone_cfg, parts_num)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Unit embeddings ``[n, c, p]``; in training the similarities of both views ``[n, m, p]``."""
        return self._contrast(batch) if self.training else self._embed(batch)

    def _embed(self, batch: GaitBatch) -> ModelOutput:
        projected = self.encode(batch.inputs[0], batch.seq_lens)
        embeddings = F.normalize(self.predictor(projected), dim=1)
        return {"training_feat": {}, "visual_summary": {}, "inference_feat": {"embeddings": embeddings}}

    def _contrast(self, batch: GaitBatch) -> ModelOutput:
        # Each view by itself: the statistics of the norms are those of one view.
        targets, predictions, images = [], [], {}
        for name, view in zip(("q", "k"), views_of(batch, type(self).__name__), strict=True):
            silhouettes = view.inputs[0]
            targets.append(self.encode(silhouettes, view.seq_lens))
            predictions.append(F.normalize(self.predictor(targets[-1]), dim=1))
            images[f"image/encoder_{name}"] = frames_of(silhouettes).transpose(1, 2).flatten(0, 1)
        return {
            "training_feat": {
                "softmax1": similarities(predictions[0], targets[1]),
                "softmax2": similarities(predictions[1], targets[0]),
            },
            "visual_summary": images,
            "inference_feat": {"embeddings": torch.cat(predictions)},
        }


class GaitSSBFinetune(_Encoder):
    """A pretrained GaitSSB with one linear head for each part, trained by the triplet loss.

    The stem of the frame network stays as it was pretrained, and so do the stages whose learning rate is
    0: they are not trained, and their norms keep their running statistics. No learning rate falls below
    1e-4 for good: every 1,000 iterations those that did are lifted to it.

    Args:
        backbone: network from frames to maps in four stages ``layer1`` to ``layer4`` behind ``conv1``.
        parts_num: strips of all pyramid levels, 31.
        backbone_lr: learning rate of each stage.
        projector_lr: learning rate of the projector; the head uses the optimiser's.
    """

    def __init__(
        self,
        backbone: nn.Module,
        parts_num: int = sum(STRIPS),
        backbone_lr: Sequence[float] = (0.0, 0.001, 0.001, 0.001),
        projector_lr: float = 0.01,
    ) -> None:
        super().__init__(backbone, parts_num)
        absent = [name for name in (*STEM, *STAGES) if not hasattr(backbone, name)]
        if absent:
            raise ConfigError(
                f"{type(backbone).__name__} has no {', '.join(absent)} to freeze or to train separately",
                where="GaitSSB_Finetune",
                hint="use a ResNet9 as backbone_cfg",
            )
        if len(backbone_lr) != len(STAGES) or min(backbone_lr) < 0:
            raise ConfigError(
                f"backbone_lr is {list(backbone_lr)}, expected a number of at least 0 for each of 4 stages",
                where="GaitSSB_Finetune",
                hint="0 leaves a stage as it was pretrained",
            )
        self.head0 = SeparateFCs(parts_num, self.channels, self.channels, norm=True)
        self.backbone_lr = dict(zip(STAGES, map(float, backbone_lr), strict=True))
        self.projector_lr = projector_lr
        self.frozen = [*STEM, *(name for name, lr in self.backbone_lr.items() if lr == 0)]
        for name in self.frozen:
            self._stage(name).requires_grad_(False)

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        backbone_cfg: Backbone,
        parts_num: int = sum(STRIPS),
        backbone_lr: Sequence[float] = (0.0, 0.001, 0.001, 0.001),
        projector_lr: float = 0.01,
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            backbone_cfg: frame network, ``ResNet9`` as published.
            parts_num: strips of all pyramid levels, 31.
            backbone_lr: learning rate of each of the four stages; 0 leaves it as it was pretrained.
            projector_lr: learning rate of the projector; the head uses the optimiser's.
        """
        return cls(backbone_cfg, parts_num, backbone_lr, projector_lr)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]``."""
        silhouettes = batch.inputs[0]
        embeddings = self.head0(F.normalize(self.encode(silhouettes, batch.seq_lens), dim=1))
        return {
            "training_feat": {"triplet": {"embeddings": embeddings, "labels": batch.labels}},
            "visual_summary": {"image/sils": frames_of(silhouettes).transpose(1, 2).flatten(0, 1)},
            "inference_feat": {"embeddings": embeddings},
        }

    def train(self, mode: bool = True) -> Self:
        """Switch all but the frozen stages, which stay in eval mode."""
        super().train(mode)
        for name in self.frozen:
            self._stage(name).eval()
        return self

    def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> Iterable[Any]:
        """Every trained stage, the projector and the head at learning rates of their own."""
        for name, lr in self.backbone_lr.items():
            if name not in self.frozen:
                yield {"params": list(self._stage(name).parameters()), "lr": lr}
        yield {"params": list(self.projector.parameters()), "lr": self.projector_lr}
        yield {"params": list(self.head0.parameters())}

    def schedule(self, optimizer: Optimizer, configured: Callable[[], LRScheduler]) -> LRScheduler:
        """The configured one, with learning rates lifted to 1e-4."""
        return FlooredSchedule(configured())

    def _stage(self, name: str) -> nn.Module:
        return self.Backbone.forward_block.get_submodule(name)


def similarities(predicted: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Cosines ``[n, m, p]`` of unit predictions with the targets of all processes, and whose are whose.

    Args:
        predicted: ``[n, c, p]``, unit vectors.
        target: ``[n, c, p]``; gets no gradient.
    """
    own = F.normalize(target.detach(), dim=1)
    everyone, rank = [own], 0
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        everyone, rank = [torch.empty_like(own) for _ in range(dist.get_world_size())], dist.get_rank()
        dist.all_gather(everyone, own.contiguous())
    logits = torch.einsum("ncp,mcp->nmp", predicted, torch.cat(everyone))
    return {"logits": logits, "labels": torch.arange(len(own), device=own.device) + rank * len(own)}
