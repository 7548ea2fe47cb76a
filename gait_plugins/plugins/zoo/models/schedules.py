"""Learning-rate schedules that belong to a model."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

log = logging.getLogger("gait_plugins")


class SteppedCosine(LRScheduler):
    """Half a cosine down to ``lowest``, in steps of ``every`` iterations; constant afterwards.

    Args:
        optimizer: each group falls from its own learning rate.
        total: iterations of the fall.
        every: iterations between two changes.
        lowest: no learning rate falls below it.
    """

    def __init__(self, optimizer: Optimizer, total: int, every: int = 1000, lowest: float = 1e-6) -> None:
        self.total = total
        self.every = every
        self.lowest = lowest
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """The learning rate of each group at this iteration."""
        if self.last_epoch >= self.total:
            return [self.lowest for _ in self.base_lrs]
        changed = self.last_epoch // self.every * self.every
        share = 0.5 * (1 + math.cos(math.pi * changed / self.total))
        return [max(float(rate) * share, self.lowest) for rate in self.base_lrs]

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take the state of another of its kind; what another model's schedule has left is set aside."""
        if "total" not in state_dict:
            log.warning("the model's own schedule starts anew: the checkpoint holds another kind of schedule")
            return
        super().load_state_dict(dict(state_dict))


class FlooredSchedule(LRScheduler):
    """Another schedule, whose learning rates are lifted every so often where they are too low.

    Args:
        inner: the schedule; its state is this one's.
        lowest: to what learning rates are lifted.
        every: iterations between two liftings.
    """

    def __init__(self, inner: LRScheduler, lowest: float = 1e-4, every: int = 1000) -> None:
        # The inner one has set the optimiser up and counts the steps.
        self.inner, self.optimizer = inner, inner.optimizer
        self.lowest, self.every = lowest, every
        self._lift()

    def step(self, epoch: int | None = None) -> None:
        """One step of the inner schedule."""
        self.inner.step()
        self._lift()

    def _lift(self) -> None:
        if self.inner.last_epoch % self.every == 0:
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"], self.lowest)

    def get_last_lr(self) -> list[float | Tensor]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The inner schedule's state."""
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the inner schedule."""
        self.inner.load_state_dict(dict(state_dict))
