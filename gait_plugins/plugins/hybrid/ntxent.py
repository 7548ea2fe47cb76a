"""The contrastive loss of SimCLR."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.api import Loss
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.nn import check_axes


class NTXentLoss(Loss):
    """Normalised-temperature cross-entropy: among all views, each must find the other of its sample.

    Vectors are compared by their dot product and are not normalised here: models hand in unit vectors.
    Source: Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, eq. 1.

    Args:
        temperature: by which dot products are divided.
        loss_term_weight: factor of this term in the sum.
    """

    gathers = True

    def __init__(self, temperature: float = 0.07, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        if not temperature > 0:
            raise ConfigError(
                f"temperature is {temperature}, expected a number above 0",
                where="NTXentLoss",
                hint="SimCLR uses 0.1, the hybrid pipeline 0.07",
            )
        self.temperature = temperature

    @classmethod
    def example_features(cls) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        first, second = torch.randn(2, 6, 8, generator=generator)
        return {"view1": F.normalize(first, dim=1), "view2": F.normalize(second, dim=1)}

    def forward(  # type: ignore[override]
        self, view1: Tensor, view2: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scalar loss of the two views ``[n, c]`` of n samples.

        Figures: ``loss``; ``accuracy``, the share of views that find their other one first.

        Raises:
            DataError: the two differ in shape, or there is one sample only, so nothing to tell apart.
        """
        for name, view in (("view1", view1), ("view2", view2)):
            check_axes(view, "[n, c]", "NTXentLoss", name=name)
        if view1.shape != view2.shape:
            raise DataError(
                f"the views have shapes {list(view1.shape)} and {list(view2.shape)}, expected [n, c] twice",
                where="NTXentLoss",
            )
        n = len(view1)
        if n < 2:
            raise DataError(
                "a batch of one sample has no negatives",
                where="NTXentLoss",
                hint="raise trainer_cfg.sampler.batch_size",
            )
        with torch.autocast(view1.device.type, enabled=False):
            views = torch.cat([view1, view2]).float()
            similarity = (views @ views.T / self.temperature).fill_diagonal_(-torch.inf)
            other = torch.arange(2 * n, device=views.device).roll(n)
            loss = F.cross_entropy(similarity, other)
        found = (similarity.detach().argmax(1) == other).float().mean()
        return loss, {"loss": loss.detach(), "accuracy": found}
