"""A network that costs nothing, so that what precedes a first step shows."""

from __future__ import annotations

from torch import nn

from gait_plugins import GaitBatch, GaitModel, ModelOutput


class Tiny(GaitModel):
    """The mean of the frames, and a classifier."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.num_classes = classes
        self.head = nn.Linear(16, classes)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        rows = batch.inputs[0].float().mean((1, 3))
        return {
            "training_feat": {"softmax": {"logits": self.head(rows).unsqueeze(-1), "labels": batch.labels}},
            "visual_summary": {},
            "inference_feat": {"embeddings": rows.unsqueeze(2)},
        }
