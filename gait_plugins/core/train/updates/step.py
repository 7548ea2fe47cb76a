"""One step: forward, backward, clipping, the optimiser's update, and the average of the weights."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from gait_plugins.config.sections import TrainerSection
from gait_plugins.core.data.host_batch import Divider, HostBatch
from gait_plugins.core.train.last_step import LastStep
from gait_plugins.core.train.objective import AsItIs, Objective, Outcome
from gait_plugins.core.train.updates.accumulation import Accumulation
from gait_plugins.core.train.updates.clipping import Clipping, not_finite
from gait_plugins.nn.averages import WeightAverages


class Step:
    """What every step of a training does.

    Args:
        section: the training's settings.
        fabric: where and in which precision.
        raw: model and losses.
        bare: the optimiser.
        objective, optimizer: what Fabric made of these two.
    """

    def __init__(
        self,
        section: TrainerSection,
        fabric: Fabric,
        raw: Objective,
        bare: torch.optim.Optimizer,
        objective: nn.Module,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        self._fabric, self._raw, self._bare = fabric, raw, bare
        self._objective, self._optimizer = objective, optimizer
        self.last = LastStep(raw, bare)
        self._clip = Clipping(section, (p for group in bare.param_groups for p in group["params"]))
        self._in_parts: Accumulation | None = None
        if section.accumulate > 1:
            parts = section.accumulate, section.seed
            self._in_parts = Accumulation(fabric, objective, raw, self.last, *parts)
        self.averages: WeightAverages | None = None
        if section.ema is not None:
            self.averages = WeightAverages(raw.model, section.ema.decay, warm=section.ema.warm)
            self._every = section.ema.every
        self.norm: Tensor | None = None
        """The norm of the last step's gradients before they were clipped; None where none are clipped."""

    def forward(self, batch: HostBatch, divide: Divider, step: int) -> Outcome:
        """The loss of a batch, its figures and images, in the precision of the training."""
        self.last.keep()
        if self._in_parts is not None:
            return self._in_parts.forward(batch, divide, step)
        outcome: Outcome = self._objective(AsItIs(divide(batch, self._fabric.device)))
        return outcome

    def backward(self, loss: Tensor) -> None:
        """The gradients of the loss that :meth:`forward` gave."""
        self._optimizer.zero_grad()
        if self._in_parts is None:
            self._fabric.backward(loss)
        else:
            self._in_parts.backward()

    def update(self, step: int) -> bool:
        """The optimiser's update, and that of the averages.

        Returns:
            Whether it was done: a gradient scaler that lowers its scale has skipped it.

        Raises:
            NonFiniteLoss: gradients are to be clipped, and are NaN or infinite.
        """
        scaler = getattr(self._fabric.strategy.precision, "scaler", None)
        scale = None if scaler is None else scaler.get_scale()
        if self._clip.wanted:
            self._fabric.strategy.precision.unscale_gradients(self._bare)
            self.norm = self._clip()
            if scaler is None and not torch.isfinite(self.norm):
                raise not_finite(dict(self._raw.named_parameters()), step)
        if self.averages is not None:
            self.averages.begin()
        self._optimizer.step()
        done = scaler is None or bool(scaler.get_scale() >= scale)
        if done and self.averages is not None and step % self._every == 0:
            self.averages.update()
        return done
