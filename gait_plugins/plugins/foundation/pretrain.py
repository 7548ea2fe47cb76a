"""Pretraining of FoundationGait: a student predicts, band by band, what a teacher sees of whole frames."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import Self

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.api.options import number_within
from gait_plugins.nn import frames_of, views_of
from gait_plugins.nn.collectives import gather_rows, world_size
from gait_plugins.plugins.foundation.bands import banded_maps, check_crops, require_stacked
from gait_plugins.plugins.foundation.encoder import NARROW, STRIPS, BackboneOptions, Encoder
from gait_plugins.plugins.foundation.teacher import with_teacher

NAME = "FoundationGait_Scaling"


class FoundationGaitPretrain(GaitModel):
    """Self-supervised pretraining on walks of any data sets (FoundationGait).

    In training the first half of a batch holds one view of each sequence, the second half another one, as
    ``BilateralSampler`` makes them. The teacher sees whole frames of the first. The student sees the second:
    each group of sequences in another number of bands, which are encoded apart. Its prediction of a strip is
    to be nearest to the teacher's strip of the same sequence among those of the whole batch.

    The teacher is a moving average of the student. It is in eval mode, and its batch-norm statistics are
    averages of the student's. What is tested is the teacher: its predictor's output, as unit vectors, tells
    people of data sets apart that were never trained on.

    Args:
        backbone: see :meth:`from_config`.
        bin_num: strips of each pyramid level.
        parts_num: strips of all levels; None: as many as there are.
        crop_list: bands of each group of a batch.
        momentum: share of the teacher that stays, in the first update.
        momentum_steps: updates over which it rises to 1; None: it stays.
        published: see :meth:`from_config`.
    """

    followers = ("teacher_backbone",)

    def __init__(
        self,
        backbone: BackboneOptions,
        bin_num: Sequence[int] = STRIPS,
        parts_num: int | None = None,
        crop_list: Sequence[int] = (8, 4, 2, 1),
        momentum: float = 0.99,
        momentum_steps: int | None = None,
        published: bool = False,
    ) -> None:
        super().__init__()
        self.crop_list = check_crops(crop_list, NAME)
        self.momentum = number_within(NAME, "EMA_value", momentum, 0, 1)
        self.momentum_steps, self.published = momentum_steps, published
        self.teacher_backbone = Encoder(backbone, bin_num, parts_num)
        self.student_backbone = copy.deepcopy(self.teacher_backbone)
        self.teacher_backbone.requires_grad_(False)
        self.frame_channels = self.teacher_backbone.frame_channels

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        Backbone: BackboneOptions,
        bin_num: Sequence[int] = STRIPS,
        parts_num: int | None = None,
        crop_list: Sequence[int] = (8, 4, 2, 1),
        EMA_value: float = 0.99,
        EMA_steps: int | None = None,
        published: bool = False,
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            Backbone: kind of blocks, channels of a frame, blocks and width of each of the four stages.
            bin_num: strips of each pyramid level.
            parts_num: strips of all levels; left out, as many as there are.
            crop_list: bands that the student's sequences are cut into: of each of as many equal groups of a
                batch. The second half of a group has a band more, which lie half a band off.
            EMA_value: share of the teacher that stays in the first update.
            EMA_steps: updates over which that share rises to 1 by half a cosine; in a configuration left out,
                ``trainer_cfg.total_iter``.
            published: parity with OpenGait: the teacher is in train mode, and goes by the statistics of the
                batch; its running statistics are its own, and not those of the student.
        """
        return cls(Backbone, bin_num, parts_num, crop_list, EMA_value, EMA_steps, published)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44, two sequences in two views."""
        return {**NARROW, "crop_list": [4], "EMA_steps": 10}

    def init_parameters(self) -> None:
        """As usual; the teacher begins as the student."""
        super().init_parameters()
        self.teacher_backbone.load_state_dict(self.student_backbone.state_dict())

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Unit embeddings ``[n, c, p]``; in training the similarities of both views ``[n, m, p]``."""
        batch = GaitBatch.of(batch)
        return self._contrast(batch) if self.training else self._embed(batch)

    def _embed(self, batch: GaitBatch) -> ModelOutput:
        projected = self.teacher_backbone(batch.inputs[0], batch.seq_lens)
        predicted = self.teacher_backbone.predictor(projected)
        found = {"embeddings": F.normalize(predicted, dim=1), "predictions": predicted}
        return {"training_feat": {}, "visual_summary": {}, "inference_feat": found}

    def _contrast(self, batch: GaitBatch) -> ModelOutput:
        require_stacked(batch.seq_lens, NAME)
        seen, predicted_from = (view.inputs[0] for view in views_of(batch, NAME))
        with torch.no_grad():
            targets = self.teacher_backbone(seen, None)
        maps = banded_maps(self.student_backbone, frames_of(predicted_from), self.crop_list, NAME)
        predictions = self.student_backbone.predictor(self.student_backbone.project(maps, None))
        views = {"q": seen, "k": predicted_from}
        return {
            "training_feat": {"softmax": similarities(predictions, targets)},
            "visual_summary": {
                f"image/encoder_{name}": frames_of(view).transpose(1, 2).flatten(0, 1)
                for name, view in views.items()
            },
            "inference_feat": {"embeddings": F.normalize(predictions, dim=1)},
        }

    def train(self, mode: bool = True) -> Self:
        """Switch all but the teacher, which stays in eval mode."""
        super().train(mode)
        if not self.published:
            self.teacher_backbone.eval()
        return self

    def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> Iterable[Any]:
        """The student's."""
        return list(self.student_backbone.parameters())

    def schedule(self, optimizer: Optimizer, configured: Callable[[], LRScheduler]) -> LRScheduler:
        """The configured one; the teacher moves after every update."""
        both = self.teacher_backbone, self.student_backbone
        return with_teacher(configured(), *both, self.momentum, self.momentum_steps, not self.published)

    def check_input_size(self, height: int, width: int) -> None:
        """Raise ``ConfigError`` where the maps do not divide into strips, or the frames into bands."""
        self.teacher_backbone.check_size(NAME, height, width, max(self.crop_list))


def similarities(predicted: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Cosines ``[n, m, p]`` of predictions with the targets of all processes, and whose are whose.

    Args:
        predicted: ``[n, c, p]``.
        targets: ``[n, c, p]``; gets no gradient.
    """
    with torch.no_grad():
        everyone = gather_rows(F.normalize(targets, dim=1))
    first = dist.get_rank() * len(targets) if world_size() > 1 else 0
    logits = torch.einsum("ncp,mcp->nmp", F.normalize(predicted, dim=1), everyone)
    return {"logits": logits, "labels": torch.arange(len(targets), device=targets.device) + first}
