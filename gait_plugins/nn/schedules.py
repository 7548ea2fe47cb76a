"""Learning-rate schedules: one that looks at the training loss, and a rise in front of any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

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


class WarmUp(LRScheduler):
    """Another schedule, whose learning rates rise linearly to their height over the first steps.

    The schedule counts on during the rise, and never sees the scaled rates: from the end of the rise on, the
    rates are its own, to the last bit. Step ``i`` of the training (from 1) has the schedule's rate times
    ``factor + (1 - factor) * (i - 1) / steps``, as long as ``i <= steps``.

    Args:
        inner: the schedule.
        steps: of the rise.
        factor: where it begins.
    """

    def __init__(self, inner: LRScheduler, steps: int, factor: float = 0.0) -> None:
        # The inner one has set the optimiser up, and counts.
        self.inner, self.optimizer = inner, inner.optimizer
        self.steps, self.factor = steps, factor
        self._scale()

    @property
    def share(self) -> float:
        """What the schedule's rates are multiplied by in the coming step."""
        done = self.inner.last_epoch
        return 1.0 if done >= self.steps else self.factor + (1 - self.factor) * done / self.steps

    def step(self, epoch: int | None = None) -> None:
        """One step of the schedule."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            _set_rate(group, rate)
        self.inner.step()
        self._scale()

    def _scale(self) -> None:
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        if self.share != 1:
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                _set_rate(group, rate * self.share)

    def get_last_lr(self) -> list[float | Tensor]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The schedule's state, its rates, and its count."""
        return {
            "inner": self.inner.state_dict(),
            "rates": list(self.rates),
            "last_epoch": self.inner.last_epoch,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore them; the optimiser holds the scaled rates already.

        Raises:
            ValueError: the state is that of a schedule without a rise.
        """
        if "inner" not in state_dict or "rates" not in state_dict:
            raise ValueError("it was saved without a warm-up")
        self.inner.load_state_dict(dict(state_dict["inner"]))
        self.rates = list(state_dict["rates"])


class LossWarmUp(WarmUp, LossSchedule):
    """The same in front of a schedule that is shown the loss."""

    def observe(self, loss: Tensor) -> None:
        """Hand the loss on."""
        assert isinstance(self.inner, LossSchedule)
        self.inner.observe(loss)


def with_warm_up(inner: LRScheduler, steps: int, factor: float) -> WarmUp:
    """A rise in front of a schedule of any kind."""
    return (LossWarmUp if isinstance(inner, LossSchedule) else WarmUp)(inner, steps, factor)


def _set_rate(group: dict[str, Any], rate: float) -> None:
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate
