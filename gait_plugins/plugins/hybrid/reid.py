"""Phases 2 and 3: the frame network under a classifier, alone and with embeddings for a triplet loss."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import nn
from typing_extensions import Self

from gait_plugins.api import ClassCount, GaitBatch, GaitModel, ModelOutput
from gait_plugins.nn import frames_of
from gait_plugins.plugins.hybrid.encoder import FEATURES, clip_features, encoder_blocks, require_size


class SupervisedReIDModel(GaitModel):
    """Identities by cross-entropy (phase 2 of Torres and Canto, 2025).

    The embedding is the unit vector of the normalised features, which the published code takes in
    phase 3 alone. Keys and shapes of the state dict are the published ones: the encoder's blocks are
    those of ``GaitBackbone`` by number (``conv1`` is ``encoder.0``).

    Args:
        num_classes: training identities.
        freeze_backbone: keep the encoder as it was loaded, its norms in eval mode.
        in_channels: channels of a frame.
    """

    def __init__(self, num_classes: ClassCount, freeze_backbone: bool = False, in_channels: int = 1) -> None:
        super().__init__()
        self.frame_channels = in_channels
        self.encoder = nn.Sequential(*encoder_blocks(in_channels))
        self.bn = nn.BatchNorm1d(FEATURES)
        self.classifier = nn.Linear(FEATURES, num_classes)
        self.num_classes = num_classes
        self.frozen = freeze_backbone
        if freeze_backbone:
            self.encoder.requires_grad_(False)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Few identities."""
        return {"num_classes": 5}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Unit embeddings ``[n, 128, 1]``; logits ``[n, classes, 1]`` under ``softmax``."""
        silhouettes = batch.inputs[0]
        normed = self.bn(clip_features(self.encoder, silhouettes, batch.seq_lens))
        embeddings = F.normalize(normed, dim=1).unsqueeze(2)
        features = {
            "softmax": {"logits": self.classifier(normed).unsqueeze(2), "labels": batch.labels},
            "triplet": {"embeddings": embeddings, "labels": batch.labels},
        }
        return {
            "training_feat": {name: features[name] for name in self.trained_by},
            "visual_summary": {"image/sils": frames_of(silhouettes).transpose(1, 2).flatten(0, 1)},
            "inference_feat": {"embeddings": embeddings},
        }

    trained_by: tuple[str, ...] = ("softmax",)
    """The losses, by prefix."""

    def train(self, mode: bool = True) -> Self:
        """Switch all but a frozen encoder, which stays in eval mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def check_input_size(self, height: int, width: int) -> None:
        """Any size from 8x8."""
        require_size(type(self).__name__, height, width)


class HybridGaitModel(SupervisedReIDModel):
    """Identities by cross-entropy, their distances by a triplet loss (phase 3 of Torres and Canto, 2025).

    Keys and shapes of the state dict are those of ``SupervisedReIDModel``, whose weights it goes on from.
    """

    trained_by = ("softmax", "triplet")
