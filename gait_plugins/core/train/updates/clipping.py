"""Clipping of gradients: by the norm of all of them together, and by value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm

from gait_plugins.config.sections import TrainerSection
from gait_plugins.errors import NonFiniteLoss

_SHOWN = 4


class Clipping:
    """The limits of a training's gradients.

    Args:
        section: ``clip_grad_value`` comes first, then ``clip_grad_norm``.
        parameters: of all groups of the optimiser, those of losses too.
    """

    def __init__(self, section: TrainerSection, parameters: Iterable[nn.Parameter]) -> None:
        self._norm, self._value = section.clip_grad_norm, section.clip_grad_value
        self._parameters = list(parameters)

    @property
    def wanted(self) -> bool:
        """True where there is a limit."""
        return self._norm is not None or self._value is not None

    def __call__(self) -> Tensor:
        """Clip the gradients as they are, unscaled.

        Returns:
            Their norm before, a scalar; where it is not finite, nothing is clipped.
        """
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = get_total_norm(gradients)
        if not torch.isfinite(norm):  # a limit would turn infinity into its value, and let NaN through
            return norm
        if self._value is not None:
            clip_grad_value_(self._parameters, self._value)
        if self._norm is not None:
            within = norm if self._value is None else get_total_norm(gradients)
            clip_grads_with_norm_(self._parameters, self._norm, within)
        return norm


def not_finite(named: Mapping[str, nn.Parameter], step: int) -> NonFiniteLoss:
    """The error for gradients that are NaN or infinite, by the names of their parameters."""
    broken = [n for n, p in named.items() if p.grad is not None and not torch.isfinite(p.grad).all()]
    which = f"{', '.join(broken[:_SHOWN])}{', ...' * (len(broken) > _SHOWN)}" or "their norm is too large"
    return NonFiniteLoss(
        f"the loss of step {step} is finite, but the gradients of {len(broken)} weights are NaN or "
        f"infinite: {which}",
        where="trainer_cfg",
        hint="clip_grad_norm and clip_grad_value cannot mend them, and the weights are untouched; try "
        "a lower learning rate, a warm-up or trainer_cfg.precision=32-true",
    )
