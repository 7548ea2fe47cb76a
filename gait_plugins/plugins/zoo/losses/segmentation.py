"""Binary cross-entropy of masks, for models that segment the person themselves."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gait_plugins.api import Loss
from gait_plugins.errors import DataError
from gait_plugins.nn import check_axes


class BinaryCrossEntropyLoss(Loss):
    """Cross-entropy of predicted foreground probabilities, averaged over all pixels.

    Args:
        loss_term_weight: factor of this term in the sum.
        eps: added to probabilities before the logarithm.
    """

    def __init__(self, loss_term_weight: float = 1.0, eps: float = 1.0e-9) -> None:
        super().__init__(loss_term_weight)
        self.eps = eps

    @classmethod
    def example_features(cls) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        logits, labels = torch.rand(2, 4, 1, 6, 5, generator=generator)
        return {"logits": logits, "labels": labels.round()}

    def forward(  # type: ignore[override]
        self, logits: Tensor, labels: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scalar loss of two stacks of masks ``[n, 1, h, w]``.

        Figures: ``loss``; ``hard_loss``, the worst pixel; ``miou``, intersection over union of each
        mask cut at one half, ``[n]``.

        Args:
            logits: probabilities in [0, 1] (despite OpenGait's name for them).
            labels: 0 or 1, or between.

        Raises:
            DataError: other shapes, or values that are no probabilities.
        """
        check_probabilities(logits, labels)
        with torch.autocast(logits.device.type, enabled=False):
            p, y = logits.float(), labels.float()
            loss = -(y * torch.log(p + self.eps) + (1 - y) * torch.log(1 - p + self.eps))
            mean = loss.mean()
        seen, true = (p.detach() > 0.5).float().flatten(1), y.detach().flatten(1)
        union = ((seen + true) > 0).sum(1)
        miou = (seen * true).sum(1) / (union + self.eps)
        return mean, {"loss": mean.detach(), "hard_loss": loss.detach().amax(), "miou": miou}


def check_probabilities(logits: Tensor, labels: Tensor) -> None:
    """Raise ``DataError`` where the two do not match, or ``logits`` are no probabilities."""
    check_axes(logits, "[n, 1, h, w]", "BinaryCrossEntropyLoss", name="logits")
    check_axes(labels, "[n, 1, h, w]", "BinaryCrossEntropyLoss", name="labels")
    if logits.shape != labels.shape:
        raise DataError(
            f"the predictions have shape {list(logits.shape)}, but the labels {list(labels.shape)}",
            where="BinaryCrossEntropyLoss",
            hint="give one label for each pixel",
        )
    low, high = (float(bound) for bound in logits.detach().aminmax())
    if low < 0 or high > 1:
        raise DataError(
            f"predictions run from {low:g} to {high:g}, expected probabilities from 0 to 1",
            where="BinaryCrossEntropyLoss",
            hint="apply a sigmoid to the model's output",
        )
