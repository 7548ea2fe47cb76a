"""The loss of the occlusion evaluation module (arXiv 2507.10978, section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.api import Loss
from gait_plugins.errors import ConfigError
from gait_plugins.nn import check_axes


class OcclusionLoss(Loss):
    """Cross-entropy of the occlusion's kind, and the squared error of its amount.

    Args:
        amount_weight: weight of the squared error.
        loss_term_weight: weight of this term in the sum.
    """

    def __init__(self, amount_weight: float = 10.0, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.amount_weight = amount_weight

    @classmethod
    def example_features(cls) -> dict[str, Tensor]:
        """Eight frames."""
        generator = torch.Generator().manual_seed(0)
        return {
            "logits": torch.randn(8, 3, generator=generator),
            "amounts": torch.rand(8, generator=generator),
            "kinds": torch.arange(8) % 3,
            "hidden": torch.rand(8, generator=generator),
        }

    def forward(  # type: ignore[override]
        self,
        logits: Tensor,
        amounts: Tensor,
        kinds: Tensor | None = None,
        hidden: Tensor | None = None,
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss of single frames.

        Args:
            logits: ``[m, kinds]``.
            amounts: hidden portion as predicted, ``[m]`` in [0, 1].
            kinds: number of the kind, int64 ``[m]``.
            hidden: hidden portion, ``[m]`` in [0, 1].

        Raises:
            ConfigError: nobody said what is hidden.
            DataError: an argument has another shape.
        """
        if kinds is None or hidden is None:
            raise ConfigError(
                "the batch has no occlusion targets",
                where="OcclusionLoss",
                hint="add LabelledOcclusion to trainer_cfg.transform",
            )
        check_axes(logits, "[m, kinds]", "OcclusionLoss", name="logits")
        for name, given in (("amounts", amounts), ("kinds", kinds), ("hidden", hidden)):
            check_axes(given, "[m]", "OcclusionLoss", name=name)
        amounts, hidden = amounts.float(), hidden.float()
        kind_loss = F.cross_entropy(logits.float(), kinds)
        amount_loss = F.mse_loss(amounts, hidden)
        loss = kind_loss + self.amount_weight * amount_loss
        with torch.no_grad():
            figures = {
                "loss": loss.detach(),
                "kind_loss": kind_loss.detach(),
                "accuracy": (logits.argmax(1) == kinds).float().mean(),
                "amount_error": (amounts - hidden).abs().mean(),
            }
        return loss, figures
