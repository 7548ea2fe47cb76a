"""A model: silhouettes to embeddings of body strips."""

from __future__ import annotations

from torch import nn

from gait_plugins import GaitBatch, GaitModel, ModelOutput
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, SeparateFCs, frames_of


class ExampleModel(GaitModel):
    """Two convolutions on each frame, the maximum over the frames, an embedding of each strip of the body.

    Args:
        channels: channels of the maps and of the embeddings.
        strips: horizontal strips of the body.
    """

    def __init__(self, channels: int = 16, strips: int = 8) -> None:
        super().__init__()
        first, second = nn.Conv2d(1, channels, 5, 2, 2), nn.Conv2d(channels, channels, 3, 2, 1)
        self.frames = FrameWise(nn.Sequential(first, nn.ReLU(), second, nn.ReLU()))
        self.over_time = PackedMax()
        self.strips = HorizontalPooling([strips])
        self.embed = SeparateFCs(strips, channels, channels)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]``; batches are stacked ``[n, s, h, w]`` or packed ``[1, sum(s), h, w]``."""
        maps = self.over_time(self.frames(frames_of(batch.inputs[0])), batch.seq_lens)
        embeddings = self.embed(self.strips(maps))
        # What each loss gets, by its log_prefix. A head for a second loss would add a line here.
        training = {"triplet": {"embeddings": embeddings, "labels": batch.labels}}
        inference = {"embeddings": embeddings}
        return {"training_feat": training, "visual_summary": {}, "inference_feat": inference}
