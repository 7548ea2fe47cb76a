"""Phase 1: the frame network with its projection, trained on two views of each frame without labels."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.nn import views_of
from gait_plugins.plugins.hybrid.encoder import FEATURES, clip_features, encoder_blocks, require_size
from gait_plugins.plugins.hybrid.view_images import pictures_of

Embedding = Literal["projection", "features"]


class GaitBackbone(GaitModel):
    """SimCLR on silhouettes (Chen et al., ICML 2020; phase 1 of Torres and Canto, 2025).

    In training the first half of a batch holds one view of each frame or clip, the second half another
    one, as ``BilateralSampler`` makes them; a batch norm sees one view at a time. A clip's feature is the
    mean of its frames'. Keys and shapes of the state dict are the published ones.

    Args:
        embed_dim: width of the projection.
        in_channels: channels of a frame.
        embedding: embedding of a sequence in tests: the unit projection, or the unit features before
            it, which later phases go on from.
    """

    def __init__(
        self, embed_dim: int = 256, in_channels: int = 1, embedding: Embedding = "projection"
    ) -> None:
        super().__init__()
        self.frame_channels = in_channels
        self.conv1, self.conv2, self.conv3 = encoder_blocks(in_channels)
        self.projection = nn.Sequential(
            nn.Linear(FEATURES, 2 * FEATURES), nn.ReLU(), nn.Linear(2 * FEATURES, embed_dim)
        )
        self.embedding = embedding

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """A narrow projection."""
        return {"embed_dim": 8}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Unit embeddings ``[n, c, 1]``; in training ``contrast``: both views' projections ``[n, c]``."""
        return self._contrast(batch) if self.training else self._embed(batch)

    def check_input_size(self, height: int, width: int) -> None:
        """Any size from 8x8."""
        require_size("GaitBackbone", height, width)

    def project(self, silhouettes: Tensor, seq_lens: Tensor | None) -> Tensor:
        """Unit projections ``[n, embed_dim]`` of silhouettes ``[n, s, h, w]`` or packed."""
        return F.normalize(self.projection(self._features(silhouettes, seq_lens)), dim=1)

    def _features(self, silhouettes: Tensor, seq_lens: Tensor | None) -> Tensor:
        return clip_features((self.conv1, self.conv2, self.conv3), silhouettes, seq_lens)

    def _embed(self, batch: GaitBatch) -> ModelOutput:
        silhouettes, seq_lens = batch.inputs[0], batch.seq_lens
        if self.embedding == "features":
            vectors = F.normalize(self._features(silhouettes, seq_lens), dim=1)
        else:
            vectors = self.project(silhouettes, seq_lens)
        embeddings = {"embeddings": vectors.unsqueeze(2)}
        return {"training_feat": {}, "visual_summary": {}, "inference_feat": embeddings}

    def _contrast(self, batch: GaitBatch) -> ModelOutput:
        views = views_of(batch, "GaitBackbone")
        first, second = (self.project(view.inputs[0], view.seq_lens) for view in views)
        return {
            "training_feat": {"contrast": {"view1": first, "view2": second}},
            "visual_summary": pictures_of(views),
            "inference_feat": {"embeddings": torch.cat([first, second]).unsqueeze(2)},
        }
