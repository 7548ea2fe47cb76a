"""A rise of the learning rate before the configured schedule takes over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler


class WarmUp(LRScheduler):
    """Another schedule, at ``1/stairs, 2/stairs, ..`` of its learning rates in the first iterations.

    Args:
        inner: the schedule, which counts on during the rise.
        iterations: of the rise.
        stairs: steps of equal length that it takes.
    """

    def __init__(self, inner: LRScheduler, iterations: int, stairs: int) -> None:
        # The inner one has set the optimiser up and counts the steps.
        self.inner, self.optimizer = inner, inner.optimizer
        self.iterations, self.stairs = iterations, stairs
        self._scale()

    @property
    def factor(self) -> float:
        """Share of the inner schedule's learning rates at this iteration."""
        step = self.inner.last_epoch
        if step >= self.iterations:
            return 1.0
        return (step * self.stairs // self.iterations + 1) / self.stairs

    def step(self, epoch: int | None = None) -> None:
        """One step of the inner schedule, which never sees the scaled rates."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate
        self.inner.step()
        self._scale()

    def _scale(self) -> None:
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * self.factor

    def get_last_lr(self) -> list[float | Tensor]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The inner schedule's state, and its learning rates."""
        return {**self.inner.state_dict(), "rates": list(self.rates)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore both; the optimiser holds the scaled rates already."""
        state = dict(state_dict)
        rates = state.pop("rates", None)
        self.inner.load_state_dict(state)
        self.rates = list(rates) if rates is not None else self.get_rates()

    def get_rates(self) -> list[float]:
        """What the inner schedule's rates are, by those of the optimiser."""
        return [float(group["lr"]) / self.factor for group in self.optimizer.param_groups]
