"""The Gait Energy Image: the mean silhouette as the embedding (Han and Bhanu, TPAMI 2006)."""

from __future__ import annotations

import torch

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.nn import frames_of, split_lengths


class GaitEnergyImage(GaitModel):
    """The classical baseline. It has no parameters, so it is only tested, never trained."""

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c * h * w, 1]``: the mean of each sequence's frames, row by row."""
        frames = frames_of(batch.inputs[0])
        lengths = split_lengths(batch.seq_lens)
        sequences = [frames] if lengths is None else torch.split(frames, lengths, 2)
        energy = torch.cat([sequence.mean(2) for sequence in sequences])
        return {
            "training_feat": {},
            "visual_summary": {"image/gei": energy[:, :1]},
            "inference_feat": {"embeddings": energy.flatten(1).unsqueeze(2)},
        }
