"""A loss."""

import torch
from torch import nn

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
        loss = nn.functional.softplus((distance * same - distance * ~same).mean((1, 2)) + self.margin)
        self.info.update({"loss": loss.detach().clone()})
        return loss, self.info
