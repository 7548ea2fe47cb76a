"""Supervised contrastive losses (Khosla et al., NeurIPS 2020), in the forms that OpenGait names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.api import Loss
from gait_plugins.errors import ConfigError
from gait_plugins.nn import check_axes


class SupConLoss(Loss):
    """Contrast every view of every sample with all others; those of its identity should be the nearest.

    The loss of an anchor is ``-T / T0 * mean over its positives of log softmax(similarity / T)``, the
    softmax going over all other views. Without labels only the other views of the same sample are
    positives (SimCLR, Chen et al., ICML 2020). An anchor without positives counts as zero.

    Args:
        temperature: T, by which similarities are divided.
        contrast_mode: all views are anchors, or only the first one of each sample.
        base_temperature: T0; the loss is scaled by T / T0.
        reduce_zero: average over the anchors with a positive loss only.
        p: similarity is minus the p-norm distance of p-normalised features; None takes the dot product.
        loss_term_weight: factor of this term in the sum.
    """

    gathers = True

    def __init__(
        self,
        temperature: float = 0.01,
        contrast_mode: Literal["all", "one"] = "all",
        base_temperature: float = 0.07,
        reduce_zero: bool = False,
        p: float | None = None,
        loss_term_weight: float = 1.0,
    ) -> None:
        super().__init__(loss_term_weight)
        for name, value in (("temperature", temperature), ("base_temperature", base_temperature)):
            if not value > 0:
                raise ConfigError(f"{name} is {value}, expected a number above 0", where="SupConLoss")
        self.temperature = temperature
        self.scale = temperature / base_temperature
        self.all_views = contrast_mode == "all"
        self.reduce_zero = reduce_zero
        self.p = p

    def forward(  # type: ignore[override]
        self, features: Tensor, labels: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scalar loss.

        Args:
            features: ``[n, views, ...]``; what follows the views is flattened.
            labels: identities ``[n]``.
            mask: ``[n, n]`` in place of labels, above 0 where the second sample is a positive of the
                first one; within one process.

        Raises:
            DataError: features without views.
            ConfigError: both labels and a mask.
        """
        check_axes(features, "[n, views, ...]", "SupConLoss", name="features")
        if labels is not None and mask is not None:
            raise ConfigError("labels and mask cannot be combined: give one", where="SupConLoss")
        with torch.autocast(features.device.type, enabled=False):
            loss = self._loss(features.float().flatten(2), _same(features, labels, mask))
        return loss, {"loss": loss.detach()}

    def _loss(self, features: Tensor, positives: Tensor) -> Tensor:
        n, views, _ = features.shape
        others = features.transpose(0, 1).flatten(0, 1)  # all first views, all second views, ...
        anchors = others if self.all_views else others[:n]
        if len(others) == 1:
            return others.sum() * 0
        itself = torch.eye(len(anchors), len(others), dtype=torch.bool, device=features.device)
        weight = positives.repeat(len(anchors) // n, views).masked_fill(itself, 0)
        logits = self._similarity(anchors, others) / self.temperature
        log_prob = logits - logits.masked_fill(itself, -torch.inf).logsumexp(1, keepdim=True)
        count = weight.sum(1)
        loss = -self.scale * (weight * log_prob).sum(1) / torch.where(count > 0, count, 1)
        if self.reduce_zero:
            counted = loss > 0
            return torch.where(counted, loss, 0).sum() / counted.sum().clamp(min=1)
        return loss.mean()

    def _similarity(self, anchors: Tensor, others: Tensor) -> Tensor:
        if self.p is None:
            return anchors @ others.T
        anchors, others = F.normalize(anchors, p=self.p), F.normalize(others, p=self.p)
        # By differences: the quicker way over products loses the small distances.
        return -torch.cdist(anchors, others, p=self.p, compute_mode="donot_use_mm_for_euclid_dist")


class DotSupConLoss(SupConLoss):
    """:class:`SupConLoss` by the dot product of features, as OpenGait's ``SupConLoss_Re``.

    Args:
        temperature: by which dot products are divided.
        loss_term_weight: factor of this term in the sum.
    """

    def __init__(self, temperature: float = 0.01, loss_term_weight: float = 1.0) -> None:
        super().__init__(temperature, loss_term_weight=loss_term_weight)


class DistanceSupConLoss(SupConLoss):
    """:class:`SupConLoss` by the Euclidean distance of unit vectors, as OpenGait's ``SupConLoss_Lp``.

    One view of each sample: all of its channels and parts together.

    Args:
        temperature: by which distances are divided.
        loss_term_weight: factor of this term in the sum.
    """

    def __init__(self, temperature: float = 0.01, loss_term_weight: float = 1.0) -> None:
        super().__init__(
            temperature,
            base_temperature=temperature,
            reduce_zero=True,
            p=2,
            loss_term_weight=loss_term_weight,
        )

    def forward(  # type: ignore[override]
        self, features: Tensor, labels: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scalar loss of features ``[n, c, p]`` (or ``[n, c]``) with labels ``[n]``."""
        check_axes(features, "[n, ...]", "SupConLoss_Lp", name="features")
        return super().forward(features.unsqueeze(1), labels, mask)


def _same(features: Tensor, labels: Tensor | None, mask: Tensor | None) -> Tensor:
    """Weight of each pair of samples as positives, float ``[n, n]``."""
    if mask is not None:
        return mask.float()
    if labels is None:
        return torch.eye(len(features), device=features.device)
    if len(labels) != len(features):
        raise ConfigError(
            f"found {len(labels)} labels for {len(features)} features, expected one each", where="SupConLoss"
        )
    return (labels.unsqueeze(1) == labels.unsqueeze(0)).float()
