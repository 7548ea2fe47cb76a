"""Pretrained encoder with learning rates by layer: what fine-tuning and the probes share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Self

from gait_plugins.api import GaitBatch, GaitModel
from gait_plugins.errors import ConfigError
from gait_plugins.nn import frames_of
from gait_plugins.nn.parameter_groups import groups_by_name
from gait_plugins.plugins.foundation.bands import banded_maps, check_crops, require_stacked
from gait_plugins.plugins.foundation.encoder import LAYERS, Encoder

RATES = (0.0, 0.0, 0.0, 0.001, 0.005)
PROJECTOR_RATE = 0.01
PREFIX = "teacher_backbone"
"""Where the pretraining has what is tuned."""


class Tuned(GaitModel):
    """The teacher of a pretraining, whose projected strips are unit vectors, under a head.

    Layers with a learning rate of 0, and the predictor, which no head reads, stay as they were pretrained:
    they get no gradient, and keep their batch-norm statistics.

    Args:
        encoder: what was pretrained.
        crop_list: bands of each group of a training batch; see ``FoundationGait_Scaling``.
        backbone_lr: learning rate of each of ``layer0`` to ``layer4``.
        projector_lr: learning rate of the projector.
        published: frozen layers are in train mode, so that their statistics drift.
    """

    def __init__(
        self,
        encoder: Encoder,
        crop_list: Sequence[int],
        backbone_lr: Sequence[float],
        projector_lr: float,
        published: bool,
    ) -> None:
        super().__init__()
        self.title = type(self).__name__
        self.crop_list = check_crops(crop_list, self.title)
        if len(backbone_lr) != len(LAYERS) or min(*backbone_lr, projector_lr) < 0:
            raise ConfigError(
                f"backbone_lr is {list(backbone_lr)} and projector_lr {projector_lr}, expected numbers of at "
                f"least 0, one for each of {', '.join(LAYERS)}",
                where=self.title,
                hint="0 leaves a layer as it was pretrained",
            )
        self.rates = {
            **dict(zip(LAYERS, map(float, backbone_lr), strict=True)),
            "projector": float(projector_lr),
        }
        self.published = published
        self.teacher_backbone = encoder
        self.frame_channels = encoder.frame_channels
        self.idle = (f"{PREFIX}.predictor",)
        self.frozen = [*(name for name, rate in self.rates.items() if rate == 0), "predictor"]
        for name in self.frozen:
            encoder.get_submodule(name).requires_grad_(False)

    def strips(self, batch: GaitBatch) -> Tensor:
        """Unit vectors ``[n, c, p]``, those of the projector."""
        encoder, silhouettes = self.teacher_backbone, batch.inputs[0]
        if not self.training or max(self.crop_list) == len(self.crop_list) == 1:
            return F.normalize(encoder(silhouettes, batch.seq_lens), dim=1)
        require_stacked(batch.seq_lens, self.title)
        maps = banded_maps(encoder, frames_of(silhouettes), self.crop_list, self.title)
        return F.normalize(encoder.project(maps, None), dim=1)

    def train(self, mode: bool = True) -> Self:
        """Switch all but the frozen layers, which stay in eval mode."""
        super().train(mode)
        for name in () if self.published else self.frozen:
            self.teacher_backbone.get_submodule(name).eval()
        return self

    def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> Iterable[Any]:
        """Every trained layer and the projector at rates of their own, then the head at the optimiser's."""
        rates: dict[str, float | None] = {f"{PREFIX}.{name}.": rate for name, rate in self.rates.items()}
        return groups_by_name(self.named_parameters(), {**rates, "": None})

    def check_input_size(self, height: int, width: int) -> None:
        """Raise ``ConfigError`` where the maps do not divide into strips, or the frames into bands."""
        self.teacher_backbone.check_size(self.title, height, width, max(self.crop_list))


def pictures(batch: GaitBatch) -> dict[str, Tensor]:
    """The silhouettes, for monitors."""
    return {"image/sils": frames_of(batch.inputs[0]).transpose(1, 2).flatten(0, 1)}
