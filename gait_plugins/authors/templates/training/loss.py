"""A loss: embeddings and labels to a number."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn.functional import softplus

from gait_plugins import Loss
from gait_plugins.nn import pairwise_distance


class ExampleLoss(Loss):
    """The mean distance to one's own identity in the batch against that to all others, by a soft margin.

    Args:
        sharpness: how steeply the penalty rises.
        loss_term_weight: factor of this term in the sum.
    """

    gathers = True  # it compares samples: under several processes it gets the whole batch

    def __init__(self, sharpness: float = 4.0, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.sharpness = sharpness

    def forward(  # type: ignore[override]
        self, embeddings: Tensor, labels: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss per part ``[p]`` of embeddings ``[n, c, p]`` with labels ``[n]``, and figures for the log."""
        distance = pairwise_distance(embeddings.float().permute(2, 0, 1))  # [p, n, n]
        same = (labels[:, None] == labels[None]).float()
        own = (distance * same).sum(2) / same.sum(1)
        other = (distance * (1 - same)).sum(2) / (1 - same).sum(1).clamp(min=1)
        loss = softplus(self.sharpness * (own - other)).mean(1)
        return loss, {"loss": loss.detach(), "own": own.detach().mean(), "other": other.detach().mean()}
