"""Learning-rate schedules that look at the training loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from gait_plugins.api.loss import LossSchedule
from gait_plugins.errors import ConfigError


class ReduceLROnPlateau(LossSchedule):
    """Lower the learning rate where the mean training loss of an epoch does not fall any more.

    Torch's schedule of this name, fed with the loss: training counts iterations, ``every`` says how many
    make an epoch.

    Args:
        optimizer: each group is lowered from its own learning rate.
        every: iterations of an epoch.
        factor: by which learning rates are multiplied.
        patience: epochs without a lower loss that are waited for.
        threshold: by how much lower counts as lower.
        threshold_mode: ``rel``, as a share of the lowest loss; ``abs``, as a difference.
        cooldown: epochs after a fall in which none is counted.
        min_lr: no learning rate falls below it.
        eps: smaller falls are left out.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        every: int,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if every < 1:
            raise ConfigError(
                f"every is {every}, expected the number of iterations of an epoch, 1 or more",
                where="scheduler_cfg",
                hint="for example -o scheduler_cfg.every=1000",
            )
        self.optimizer = optimizer
        self.every = every
        self.inner = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, "min", factor, patience, threshold, threshold_mode, cooldown, min_lr, eps
        )
        self.last_epoch = 0
        self._summed: Tensor | float = 0.0

    def observe(self, loss: Tensor) -> None:
        # Added where it lies: reading every loss would stop a GPU at every iteration.
        self._summed = self._summed + loss.detach().float()

    def step(self, epoch: int | None = None) -> None:
        """One iteration; the last one of an epoch judges its mean loss."""
        self.last_epoch += 1
        if self.last_epoch % self.every == 0:
            self.inner.step(float(self._summed) / self.every)
            self._summed = 0.0

    def get_last_lr(self) -> list[float | Tensor]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What has been seen so far, of this epoch and of those before."""
        return {
            "inner": self.inner.state_dict(),
            "last_epoch": self.last_epoch,
            "summed": float(self._summed),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what another one has seen."""
        self.inner.load_state_dict(state_dict["inner"])
        self.last_epoch = state_dict["last_epoch"]
        self._summed = torch.tensor(state_dict["summed"]) if state_dict["summed"] else 0.0
