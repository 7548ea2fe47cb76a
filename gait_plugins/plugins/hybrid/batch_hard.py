"""The triplet loss of each anchor's hardest pair."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.api import Loss
from gait_plugins.errors import DataError
from gait_plugins.nn import hardest_pairs, in_parts, pairwise_distance


class BatchHardTripletLoss(Loss):
    """Each sample's furthest positive against its nearest negative (Hermans et al. 2017, section 2).

    A sample without another of its identity, or without one of another, is no anchor. Identities may have
    unequal numbers of samples.

    Args:
        margin: by how much the nearest negative must be further away than the furthest positive.
        allow_no_triplets: the loss of a batch without any anchor is 0, as published, instead of an error.
        loss_term_weight: factor of this term in the sum.
    """

    gathers = True

    def __init__(
        self, margin: float = 0.3, allow_no_triplets: bool = False, loss_term_weight: float = 1.0
    ) -> None:
        super().__init__(loss_term_weight)
        self.margin = margin
        self.allow_no_triplets = allow_no_triplets

    def check_batch(self, labels: Tensor) -> None:
        """Raises ``DataError`` where no sample would be an anchor (unless ``allow_no_triplets``)."""
        same = labels.unsqueeze(1) == labels
        anchors = (same.sum(1) > 1) & ~same.all(1)
        if not self.allow_no_triplets and not bool(anchors.any()):
            raise _no_triplets(labels)

    def forward(  # type: ignore[override]
        self, embeddings: Tensor, labels: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss per part ``[p]`` of embeddings ``[n, c, p]`` (or ``[n, c]``) with labels ``[n]``.

        It is averaged over the anchors.

        Figures ``[p]``: ``loss``; ``hard_loss``, the worst triplet; ``positive`` and ``negative``, the mean
        distances of the hardest pairs.

        Raises:
            DataError: no sample is an anchor (unless ``allow_no_triplets``).
        """
        embeddings = in_parts(embeddings, labels, "BatchHardTripletLoss")
        with torch.autocast(embeddings.device.type, enabled=False):
            distance = pairwise_distance(embeddings.float().permute(2, 0, 1))
            positive, negative, anchors = hardest_pairs(distance, labels)
            if not self.allow_no_triplets and not bool(anchors.any()):
                raise _no_triplets(labels)
            count = anchors.sum().clamp(min=1)
            hinge = F.relu(positive - negative + self.margin).masked_fill(~anchors, 0)
            loss = hinge.sum(1) / count
        return loss, {
            "loss": loss.detach(),
            "hard_loss": hinge.detach().amax(1),
            "positive": positive.detach().masked_fill(~anchors, 0).sum(1) / count,
            "negative": negative.detach().masked_fill(~anchors, 0).sum(1) / count,
        }


def _no_triplets(labels: Tensor) -> DataError:
    alone = bool((labels == labels[0]).all()) and len(labels) > 1
    found = "all samples are of one identity" if alone else "no identity has two samples"
    return DataError(
        f"a batch of {len(labels)} makes no triplet: {found}",
        where="BatchHardTripletLoss",
        hint="draw several samples of several identities: trainer_cfg.sampler: {type: TripletSampler, "
        "batch_size: [16, 4]}; or set allow_no_triplets: true",
    )
