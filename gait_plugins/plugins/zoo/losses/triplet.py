"""Triplet loss: batch-all, averaged over the triplets that violate the margin (OpenGait's)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from gait_plugins.api import Loss
from gait_plugins.nn import in_parts, pairs_of, pairwise_distance, triplet_sums


class TripletLoss(Loss):
    """Batch-all triplet loss, averaged over the triplets that violate the margin (Hermans et al. 2017).

    Every sample is also a positive of itself. Identities may have unequal numbers of samples.

    Args:
        margin: by how much a negative must be further away than a positive.
        loss_term_weight: factor of this term in the sum.
    """

    gathers = True
    ignored_options: ClassVar[Mapping[str, str]] = {
        "lazy": "OpenGait's loss has no such option either: all triplets of a batch count"
    }

    def __init__(self, margin: float = 0.2, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.margin = margin

    def forward(  # type: ignore[override]
        self, embeddings: Tensor, labels: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss per part ``[p]`` of embeddings ``[n, c, p]`` (or ``[n, c]``) with labels ``[n]``.

        Figures ``[p]``: ``loss``; ``hard_loss``, the worst triplet; ``loss_num``, the triplets that
        violate the margin; ``mean_dist``, the mean distance of all pairs.
        """
        embeddings = in_parts(embeddings, labels, "TripletLoss")
        with torch.autocast(embeddings.device.type, enabled=False):
            distance = pairwise_distance(embeddings.float().permute(2, 0, 1))
            sums = triplet_sums(distance, pairs_of(labels), self.margin)
            loss = sums.mean()
        return loss, {
            "loss": loss.detach(),
            "hard_loss": sums.hardest,
            "loss_num": sums.active,
            "mean_dist": distance.detach().mean((1, 2)),
        }
