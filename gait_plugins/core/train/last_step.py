"""Last step: bringing a training back to the step before one that failed in the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gait_plugins.core.train.objective import Objective
from gait_plugins.errors import ComponentFailure


class LastStep:
    """What a step changes before its update: a copy of it, and whether the update has begun.

    A forward pass changes buffers (running statistics) and what modules keep beside tensors. Weights and the
    optimiser's state are not copied: torch counts the writes to every tensor.

    Args:
        module: model and losses.
        optimizer: what updates them.
    """

    def __init__(self, module: Objective, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._places = [(part, name) for part in module.modules() for name in part._buffers]
        self._telling = [part for part in module.modules() if _tells_more(part)]
        self._buffers: list[Tensor | None] = []
        self._kinds: list[Any] = []
        """Shape, kind and device of each; None for a buffer that is None."""
        self._more: list[Any] = []
        self._written = 0

    @torch.no_grad()
    def keep(self) -> None:
        """Copy what the forward pass may change; called before it."""
        now = [part._buffers[name] for part, name in self._places]
        kinds = [None if b is None else (b.shape, b.dtype, b.device) for b in now]
        if kinds == self._kinds:
            kept = [b for b in self._buffers if b is not None]
            if kept:  # all in one call
                torch._foreach_copy_(kept, [b for b in now if b is not None])
        else:
            self._buffers = [None if b is None else b.detach().clone() for b in now]
            self._kinds = kinds
        self._more = [part.get_extra_state() for part in self._telling]

    def watch(self) -> None:
        """Note that the update begins."""
        self._written = self._writes()

    @torch.no_grad()
    def put_back(self) -> bool:
        """Undo the forward pass.

        Returns:
            Whether everything is as it was after the step before; else the update had begun to write weights,
            and nothing is put back.
        """
        if self._writes() != self._written:
            return False
        self.rewind()
        return True

    @torch.no_grad()
    def rewind(self) -> None:
        """Bring back what was kept."""
        for (part, name), kept in zip(self._places, self._buffers, strict=True):
            buffer = part._buffers[name]
            if kept is not None and buffer is not None and buffer.shape == kept.shape:
                buffer.copy_(kept)
            else:
                part._buffers[name] = kept
        for part, more in zip(self._telling, self._more, strict=True):
            part.set_extra_state(more)

    def _writes(self) -> int:
        # The optimiser's own list: a walk through all modules would cost a thousand calls in every step.
        weights: list[int] = [p._version for group in self._optimizer.param_groups for p in group["params"]]
        states = [s for state in self._optimizer.state.values() for s in state.values()]
        kept: list[int] = [s._version for s in states if isinstance(s, Tensor)]
        return sum(weights) + sum(kept)


def _tells_more(part: nn.Module) -> bool:
    return type(part).get_extra_state is not nn.Module.get_extra_state


def step_failed(name: str, where: str, step: int, error: Exception, kept: Path | None) -> ComponentFailure:
    """The error for a solver or schedule that raised something in the middle of a training.

    Args:
        name: its class.
        where: where it is configured.
        step: the step that it was taking.
        error: what it raised.
        kept: the checkpoint of the last completed step; None where there is none.
    """
    if kept is None:
        advice = "no step of this start could be saved; earlier checkpoints are untouched"
    else:
        advice = f"the last completed step is saved: {kept}; mend the cause and go on with --resume"
    return ComponentFailure(
        f"{name} failed at step {step}: {type(error).__name__}: {error}",
        where=where,
        hint=f"{advice}; gait-plugins --debug COMMAND shows the traceback",
    )
