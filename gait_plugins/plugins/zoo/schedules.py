"""Learning-rate schedules that some models bring themselves."""

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
            log.warning("the model's own schedule starts afresh: the checkpoint holds one of another kind")
            return
        super().load_state_dict(dict(state_dict))
