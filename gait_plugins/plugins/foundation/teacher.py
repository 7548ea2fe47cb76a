"""Teacher of a student: a slow average of it, which is moved after every update."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from gait_plugins.api.loss import LossSchedule
from gait_plugins.nn.averages import follow


def cosine_momentum(step: int, steps: int, start: float) -> float:
    """Share of the teacher that stays after update ``step`` (from 1), from ``start`` up to 1.

    Half a cosine over ``steps - 1`` updates (BYOL: Grill et al., NeurIPS 2020).

    Args:
        step: of the training.
        steps: of the whole training.
        start: where it begins.
    """
    if step >= steps - 1:
        return 1.0
    return 1 - (1 - start) * (math.cos(math.pi * step / (steps - 1)) + 1) / 2


class TeacherSchedule(LRScheduler):
    """Another schedule, after each step of which a teacher moves towards its student.

    Args:
        inner: the schedule, which counts the updates.
        teacher: what moves.
        student: where to; of the same keys.
        momentum: share of the teacher that stays, in the first update.
        steps: updates over which the momentum rises to 1; None: it stays as it is.
        statistics: batch-norm statistics move too.
    """

    def __init__(
        self,
        inner: LRScheduler,
        teacher: nn.Module,
        student: nn.Module,
        momentum: float,
        steps: int | None,
        statistics: bool,
    ) -> None:
        # The inner one has set the optimiser up.
        self.inner, self.optimizer = inner, inner.optimizer
        self.teacher, self.student = teacher, student
        self.momentum, self.steps, self.statistics = momentum, steps, statistics

    def step(self, epoch: int | None = None) -> None:
        """One step of the schedule, and one of the teacher."""
        self.inner.step()
        kept = self.momentum
        if self.steps is not None:
            kept = cosine_momentum(self.inner.last_epoch, self.steps, self.momentum)
        follow(self.teacher, self.student, kept, statistics=self.statistics)

    @property
    def last_epoch(self) -> int:  # type: ignore[override]
        """Steps so far."""
        return self.inner.last_epoch

    def get_last_lr(self) -> list[float | Tensor]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The inner schedule's state: the teacher is a part of the model."""
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the inner schedule."""
        self.inner.load_state_dict(dict(state_dict))


class LossTeacherSchedule(TeacherSchedule, LossSchedule):
    """The same around a schedule that is shown the loss."""

    def observe(self, loss: Tensor) -> None:
        """Hand the loss on."""
        assert isinstance(self.inner, LossSchedule)
        self.inner.observe(loss)


def with_teacher(inner: LRScheduler, *args: Any) -> TeacherSchedule:
    """A :class:`TeacherSchedule` around a schedule of any kind."""
    return (LossTeacherSchedule if isinstance(inner, LossSchedule) else TeacherSchedule)(inner, *args)
