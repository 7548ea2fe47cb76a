"""A loss."""

import torch

from .base import BaseLoss, gather_and_scale_wrapper


class TripletLoss(BaseLoss):
    def __init__(self, margin, loss_term_weight=1.0):
        super().__init__(loss_term_weight)
        self.margin = margin

    @gather_and_scale_wrapper
    def forward(self, embeddings, labels):
        parts = embeddings.permute(2, 0, 1).float()
        distance = torch.cdist(parts, parts)
        same = labels[:, None] == labels[None]
        loss = (distance * same - distance * ~same).mean((1, 2)).add(self.margin).relu()
        self.info.update({"loss": loss.detach().clone()})
        return loss, self.info
