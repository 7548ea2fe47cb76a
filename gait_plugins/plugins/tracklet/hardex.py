"""Hardness exclusion triplet loss (TrackletGait, arXiv 2508.02143, section 3)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gait_plugins.api import Loss
from gait_plugins.errors import ConfigError
from gait_plugins.nn import in_parts, pairs_of, pairwise_distance, triplet_sums


class HardnessExclusionTripletLoss(Loss):
    """Batch-all triplet loss that leaves out anchor-positive pairs too far apart to be trusted.

    Per part, with m the mean and M the maximum of all anchor-positive distances, the pairs at or beyond
    ``m + exclusion * (M - m)`` take part in no triplet; the loss is the mean over the triplets that
    violate the margin (arXiv 2508.02143, section 3). Every sample is also a positive of itself.
    Identities may have unequal numbers of samples. Memory grows with the square of the batch, not
    with the number of triplets.

    Args:
        margin: by how much a negative must be further away than a positive.
        exclusion: where exclusion begins, between the mean (0) and maximum (1) of the positive distances.
        loss_term_weight: factor of this term in the sum.
    """

    gathers = True

    def __init__(self, margin: float = 0.2, exclusion: float = 2 / 3, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        if not 0 <= exclusion <= 1:
            raise ConfigError(
                f"exclusion is {exclusion}, expected a fraction in [0, 1]",
                where="TripletLoss_HardEx",
                hint="the published value is 2/3; TripletLoss is the loss without exclusion",
            )
        self.margin = margin
        self.exclusion = exclusion

    def forward(  # type: ignore[override]
        self, embeddings: Tensor, labels: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss per part ``[p]`` of embeddings ``[n, c, p]`` (or ``[n, c]``) with labels ``[n]``.

        Figures: ``loss``, ``hard_loss`` (the worst triplet) and ``loss_num`` (triplets that violate the
        margin), ``[p]`` each; ``mean_dist``, the mean anchor-positive distance, ``[p, 1]``.
        """
        embeddings = in_parts(embeddings, labels, "TripletLoss_HardEx")
        with torch.autocast(embeddings.device.type, enabled=False):
            distance = pairwise_distance(embeddings.float().permute(2, 0, 1).contiguous())
            pairs = pairs_of(labels)
            mean, most = _mean_and_maximum(pairs.positives(distance.detach()), pairs.valid)
            limit = mean + self.exclusion * (most - mean)
            sums = triplet_sums(distance, pairs, self.margin, positive_below=limit)
            loss = sums.mean()
        return loss, {
            "loss": loss.detach(),
            "hard_loss": sums.hardest,
            "loss_num": sums.active,
            "mean_dist": mean.unsqueeze(1),
        }


def _mean_and_maximum(near: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Per part, over the pairs ``[p, n, k]`` that are no padding."""
    mean = near.masked_fill(~valid, 0.0).sum((1, 2)) / valid.sum()
    return mean, near.masked_fill(~valid, -torch.inf).amax((1, 2))
