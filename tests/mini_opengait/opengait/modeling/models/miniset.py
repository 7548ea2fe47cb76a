"""A model."""

import torch
from torch import nn

from ..base_model import BaseModel


class MiniSet(BaseModel):
    def build_network(self, model_cfg):
        channels = model_cfg.get("channels", 4)
        self.Backbone = self.get_backbone({"type": "Plain", "channels": channels})
        self.head = nn.Linear(channels, 3)

    def forward(self, inputs):
        (sils,), labels, _, _, lengths = inputs
        sizes = [sils.size(1)] * len(sils) if lengths is None else lengths[0].tolist()
        maps = self.Backbone(sils.flatten(0, 1).unsqueeze(1)).mean((2, 3))
        feats = torch.stack([clip.max(0)[0] for clip in maps.split(sizes)])
        embeddings = self.head(feats).unsqueeze(2)
        return {
            "training_feat": {"triplet": {"embeddings": embeddings, "labels": labels}},
            "visual_summary": {"image/sils": sils.flatten(0, 1).unsqueeze(1)},
            "inference_feat": {"embeddings": embeddings},
        }


class Leaky(MiniSet):
    """Mixes what lies beside it in a packed batch."""

    def forward(self, inputs):
        (sils,), *rest = inputs
        return super().forward(((sils + sils.mean(1, keepdim=True),), *rest))


class OnlyOne(MiniSet):
    """Takes one sequence at a time in tests."""

    def forward(self, inputs):
        if not self.training and len(inputs[1]) != 1:
            raise ValueError("one at a time")
        return super().forward(inputs)
