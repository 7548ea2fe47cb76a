"""The occlusion evaluation module as a model of its own, to be trained and tested on single frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import frames_of, split_lengths
from gait_plugins.plugins.resgait.occlusion.hiding import KINDS, OEM_KINDS, Kind
from gait_plugins.plugins.resgait.occlusion.targets import KIND, PORTION
from gait_plugins.plugins.resgait.oem.detector import Convention, Detector, sequence_means

SMALLEST = 8
"""Pixels that a side of a frame must have at least: three poolings halve it."""


class OcclusionModule(Detector, GaitModel):
    """The occlusion evaluation module (OEM): type and amount of the occlusion of silhouettes.

    It is trained on frames that ``LabelledOcclusion`` hides parts of. It embeds a sequence by the mean
    of its frames' features, ``[n, 64, 1]``, and says beside them ``occlusion``, ``[n, kinds + 1]``: the
    probability of each kind, then the hidden portion.

    Args:
        kinds: classes of the type head. The authors' files have none, bottom, top.
        input_scale: factor on frames in [0, 1]; 255 for the authors' files.
        amount: what the amount head predicts: the ``occluded`` portion, or (the authors' files) the
            ``visible`` one, which is turned into the occluded one.
    """

    frame_channels = 1

    def __init__(
        self,
        kinds: Sequence[Kind] = OEM_KINDS,
        input_scale: float = 1.0,
        amount: Convention = "occluded",
    ) -> None:
        if len(set(kinds)) != len(kinds) or len(kinds) < 2:
            raise ConfigError(
                f"kinds is {list(kinds)}, expected two or more different kinds",
                where="OEM",
                hint=f"choose from {', '.join(KINDS)}",
            )
        super().__init__(len(kinds), input_scale, amount)
        self.kinds = tuple(kinds)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Verdicts on sequences; logits and amounts of every frame for the loss."""
        frames = frames_of(batch[0][0])
        if frames.shape[1] != 1:
            raise ConfigError(
                f"frames have {frames.shape[1]} channels, expected 1 (silhouettes)",
                where="OEM",
                hint="choose the silhouettes with data_cfg.data_in_use",
            )
        lengths = split_lengths(batch[4])
        features = self.frame_features(frames.transpose(1, 2).flatten(0, 1))
        logits, amounts = self.fc2(features), self.portions(features)
        verdicts = torch.cat([self.classification_head(features), amounts.unsqueeze(1)], 1)
        task = {
            "logits": logits,
            "amounts": amounts,
            **self._truth(batch, lengths or [frames.shape[2]] * len(frames)),
        }
        return {
            "training_feat": {"occlusion": task},
            "visual_summary": {"image/sils": frames.transpose(1, 2).flatten(0, 1)},
            "inference_feat": {
                "embeddings": sequence_means(features, lengths, frames).unsqueeze(2),
                "occlusion": sequence_means(verdicts, lengths, frames),
            },
        }

    def _truth(self, batch: GaitBatch, lengths: list[int]) -> dict[str, Tensor]:
        """What was hidden of every frame, where the batch says so."""
        targets = batch.targets if isinstance(batch, GaitBatch) else {}
        if KIND not in targets:
            return {}
        kinds, portions = targets[KIND], targets[PORTION]
        highest = int(kinds.max())
        if highest >= len(self.kinds):
            raise ConfigError(
                f"a sequence has occlusion kind number {highest}, but the module has {len(self.kinds)} kinds",
                where="OEM",
                hint="give the same kinds to the model and to LabelledOcclusion",
            )
        repeats = torch.tensor(lengths, device=kinds.device)
        return {
            "kinds": kinds.repeat_interleave(repeats),
            "hidden": portions.float().repeat_interleave(repeats),
        }

    def check_input_size(self, height: int, width: int) -> None:
        """Raise ``ConfigError`` where three poolings leave nothing of a frame."""
        if min(height, width) < SMALLEST:
            raise ConfigError(
                f"frames of {height}x{width} are too small, expected at least {SMALLEST}x{SMALLEST}",
                where="OEM",
            )
