"""Moving averages of weights (EMA): kept in float32, read as a state dict, lent to the module for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverages:
    """Exponential moving averages of what is trained of a module.

    After an update an average is ``decay * average + (1 - decay) * weight``. It is kept in float32 (of
    float64 weights in float64), because a change of ``1 - decay`` is lost in 16 bits. Parameters that are not
    trained (``requires_grad`` is False at the beginning) and buffers, such as the statistics of batch norms,
    are those of the module itself: an average of statistics belongs to no network.

    Args:
        module: whose parameters are averaged; its device and dtypes may be any.
        decay: share of the average that stays, in (0, 1).
        warm: the decay is ``(1 + n) / (10 + n)`` after ``n`` updates where that is smaller, so that short
            trainings forget the weights that they began with.
    """

    def __init__(self, module: nn.Module, decay: float, *, warm: bool = True) -> None:
        self.module, self.decay, self.warm = module, decay, warm
        self.updates = 0
        self._weights = {
            name: parameter
            for name, parameter in module.named_parameters()
            if parameter.requires_grad and parameter.is_floating_point()
        }
        self._averages: dict[str, Tensor] = {}

    @torch.no_grad()
    def begin(self) -> None:
        """The averages are the weights as they are now, unless they have begun before."""
        if not self._averages:
            self._averages = {name: _precise(weight).clone() for name, weight in self._weights.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights as they are now into account."""
        self.begin()
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.warm else self.decay
        for name, weight in self._weights.items():
            self._averages[name].lerp_(_precise(weight), 1 - decay)
        self.updates += 1

    @torch.no_grad()
    def state(self) -> dict[str, Any]:
        """The module's state dict with the averages in the place of the weights, as the module's dtypes."""
        found = self.module.state_dict()
        averages = {id(weight): self._averages.get(name) for name, weight in self._weights.items()}
        for name, weight in self.module.named_parameters(remove_duplicate=False):  # tied ones have two names
            average = averages.get(id(weight))
            if average is not None and name in found:
                found[name] = average.to(weight.dtype)
        return found

    @contextmanager
    def lent(self) -> Iterator[None]:
        """The module has the averages as its weights while this is open, and its own again afterwards."""
        kept = {name: self._weights[name].detach().clone() for name in self._averages}
        self._put(self._averages)
        try:
            yield
        finally:
            self._put(kept)

    def state_dict(self) -> dict[str, Any]:
        """What :meth:`state` does not tell: the number of updates, and the averages of 16-bit weights."""
        rounded = {n: a for n, a in self._averages.items() if a.dtype != self._weights[n].dtype}
        return {"updates": self.updates, "exact": rounded}

    @torch.no_grad()
    def load_state_dict(self, known: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Go on from what another one has seen.

        Args:
            known: its :meth:`state_dict`.
            state: its :meth:`state`.

        Raises:
            KeyError, ValueError: they are of another module.
        """
        self.begin()
        for name, average in self._averages.items():
            saved = known.get("exact", {}).get(name, state[name])
            if saved.shape != average.shape:
                raise ValueError(f"the average of {name} is {list(saved.shape)}, not {list(average.shape)}")
            average.copy_(saved)
        self.updates = int(known["updates"])

    @torch.no_grad()
    def _put(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self._weights[name].copy_(value)


def _precise(weight: Tensor) -> Tensor:
    return weight.detach().to(torch.promote_types(weight.dtype, torch.float32))


@torch.no_grad()
def follow(slow: nn.Module, fast: nn.Module, decay: float, *, statistics: bool = True) -> None:
    """Move a module's weights towards those of another one: ``decay * slow + (1 - decay) * fast``.

    Args:
        slow: what moves, in place; its parameters need no gradient.
        fast: of the same keys and shapes.
        decay: share of ``slow`` that stays, in [0, 1].
        statistics: buffers move too; those that are no floats, such as counters, become those of ``fast``.
            Without them a module in eval mode would keep the statistics that it began with.
    """
    for own, other in zip(slow.parameters(), fast.parameters(), strict=True):
        own.lerp_(other.to(own.dtype), 1 - decay)
    for kept, new in zip(slow.buffers(), fast.buffers(), strict=True) if statistics else ():
        if kept.is_floating_point():
            kept.lerp_(new.to(kept.dtype), 1 - decay)
        else:
            kept.copy_(new)
