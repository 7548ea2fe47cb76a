"""A loss: embeddings and labels to a number."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn.functional import softplus

from gait_plugins import Loss
from gait_plugins.nn import pairwise_distance


class ExampleLoss(Loss):
    """Batch-hard triplet loss with a soft margin (Hermans et al. 2017).

    Args:
        sharpness: how steeply the penalty rises.
        loss_term_weight: factor of this term in the sum.
    """

    gathers = True  # it compares samples: under several processes it gets the whole batch

    def __init__(self, sharpness: float = 1.0, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.sharpness = sharpness

    def forward(  # type: ignore[override]
        self, embeddings: Tensor, labels: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss per part ``[p]`` of embeddings ``[n, c, p]`` with labels ``[n]``, and figures for the log."""
        distance = pairwise_distance(embeddings.float().permute(2, 0, 1))  # [p, n, n]
        same = labels[:, None] == labels[None]
        positive = distance.masked_fill(~same, 0).amax(2)
        negative = distance.masked_fill(same, float("inf")).amin(2)
        loss = softplus(self.sharpness * (positive - negative)).mean(1)
        return loss, {"loss": loss.detach()}
