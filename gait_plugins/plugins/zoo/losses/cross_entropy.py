"""Cross-entropy loss of scaled cosines (OpenGait's)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.api import Loss
from gait_plugins.errors import ConfigError
from gait_plugins.nn import check_labels, in_parts


class CrossEntropyLoss(Loss):
    """Cross-entropy of scaled logits, averaged over samples and parts.

    Args:
        scale: factor on the logits, which are cosines as a rule.
        label_smooth: mix the target with the uniform distribution.
        eps: share of the uniform distribution, in [0, 1].
        loss_term_weight: factor of this term in the sum.
        log_accuracy: report the share of correct classifications as ``accuracy``.
    """

    def __init__(
        self,
        scale: float = 16,
        label_smooth: bool = True,
        eps: float = 0.1,
        loss_term_weight: float = 1.0,
        log_accuracy: bool = False,
    ) -> None:
        super().__init__(loss_term_weight)
        if not 0 <= eps <= 1:
            raise ConfigError(
                f"eps is {eps}, expected a share in [0, 1]",
                where="CrossEntropyLoss",
                hint="OpenGait uses 0.1",
            )
        self.scale = scale
        self.smoothing = eps if label_smooth else 0.0
        self.log_accuracy = log_accuracy

    def forward(  # type: ignore[override]
        self, logits: Tensor, labels: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scalar loss of logits ``[n, classes, p]`` (or ``[n, classes]``) with labels ``[n]``.

        Raises:
            DataError: a label has no logit.
        """
        logits = in_parts(logits, labels, "CrossEntropyLoss", name="logits", axis="classes")
        check_labels(labels, logits.shape[1], "CrossEntropyLoss", "class_num of SeparateBNNecks")
        with torch.autocast(logits.device.type, enabled=False):
            targets = labels.unsqueeze(1).expand(-1, logits.shape[2])
            loss = F.cross_entropy(logits.float() * self.scale, targets, label_smoothing=self.smoothing)
        info = {"loss": loss.detach()}
        if self.log_accuracy:
            info["accuracy"] = (logits.detach().argmax(1) == targets).float().mean()
        return loss, info
