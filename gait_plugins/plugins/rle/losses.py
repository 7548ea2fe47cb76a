"""The losses of part-based re-identification: the mean over the stripes and that of the whole image."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.api import Loss
from gait_plugins.nn import check_labels, hardest_pairs, in_parts, pairwise_distance


class PartsTripletLoss(Loss):
    """Batch-hard triplet loss: the mean over the stripes, plus that of the whole image (the last part).

    For each image the furthest of its identity against the nearest of another, whatever their
    modality. Images without either are left out. Source: Hermans et al., In Defense of the Triplet
    Loss (2017); weighting of the parts as in arXiv 2411.01225.

    Args:
        margin: by how much the negative must be further away.
        loss_term_weight: factor of this term in the sum.
    """

    gathers = True

    def __init__(self, margin: float = 0.3, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.margin = margin

    def forward(  # type: ignore[override]
        self, embeddings: Tensor, labels: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scalar loss of features ``[n, c, p]`` (or ``[n, c]``) with labels ``[n]``.

        Figures: ``loss``; ``hard``, the share of images whose negative is nearer than their positive.
        """
        embeddings = in_parts(embeddings, labels, "PartsTripletLoss")
        with torch.autocast(embeddings.device.type, enabled=False):
            pairs = hardest_pairs(pairwise_distance(embeddings.float().permute(2, 0, 1)), labels)
            gap = torch.where(pairs.anchors, pairs.positive - pairs.negative, -torch.inf)
            hinge = F.relu(gap + self.margin).sum(1) / pairs.anchors.sum().clamp(min=1)
            loss = stripes_and_whole(hinge)
        hard = (gap.detach() > 0).float().mean()
        return loss, {"loss": loss.detach(), "hard": hard}


class PartsCrossEntropyLoss(Loss):
    """Cross-entropy: the mean over the stripes, plus that of the whole image (the last part).

    Args:
        label_smooth: share of the target that is spread over all identities; the authors use none.
        loss_term_weight: factor of this term in the sum.
    """

    def __init__(self, label_smooth: float = 0.0, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.label_smooth = label_smooth

    def forward(  # type: ignore[override]
        self, logits: Tensor, labels: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scalar loss of logits ``[n, classes, p]`` (or ``[n, classes]``) with labels ``[n]``.

        Figures: ``loss``; ``accuracy`` of the whole image.

        Raises:
            DataError: a label has no logit.
        """
        logits = in_parts(logits, labels, "PartsCrossEntropyLoss", name="logits", axis="classes")
        check_labels(labels, logits.shape[1], "PartsCrossEntropyLoss", "model_cfg.class_num")
        with torch.autocast(logits.device.type, enabled=False):
            targets = labels.unsqueeze(1).expand(-1, logits.shape[2])
            each = F.cross_entropy(
                logits.float(), targets, label_smoothing=self.label_smooth, reduction="none"
            )
            loss = stripes_and_whole(each.mean(0))
        accuracy = (logits.detach()[:, :, -1].argmax(1) == labels).float().mean()
        return loss, {"loss": loss.detach(), "accuracy": accuracy}


def stripes_and_whole(parts: Tensor) -> Tensor:
    """The mean of all but the last value of ``[p]``, plus the last."""
    return parts[-1] + (parts[:-1].mean() if len(parts) > 1 else 0)
