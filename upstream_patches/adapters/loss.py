"""A loss component as a class of OpenGait's shape, constructed as ``Loss(**options)``."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, cast

import torch
from torch import Tensor, nn

import gait_plugins
from gait_plugins.api import Loss
from gait_plugins.nn.tensor_trees import device_type, gathered, in_float32
from upstream_patches.adapters.shared_state import SharesState
from upstream_patches.adapters.signatures import accepting

Base = TypeVar("Base", bound=type[nn.Module])


def adapt_loss(component: type[Loss], base: Base, name: str) -> Base:
    """A subclass of the host's ``base`` that computes what ``component`` computes, under its very keys.

    Args:
        component: the loss.
        base: the host's base class.
        name: as our YAML names it, best with its package.
    """

    def construct(self: HostedLoss, **options: Any) -> None:
        base.__init__(self)
        self.take(gait_plugins.build("loss", {"type": name, **options}))

    body: dict[str, Any] = {
        "__init__": accepting(construct, "__init__", ("self",), component),
        "__doc__": component.__doc__,
        "__module__": component.__module__,
        "component_class": component,
    }
    adapted = types.new_class(component.__name__, (HostedLoss, base), {}, lambda ns: ns.update(body))
    return cast("Base", adapted)


class HostedLoss(SharesState):
    """The part of an adapted class that stands between the host's base class and the component."""

    component_class: ClassVar[type[Loss]]
    component: Loss
    loss_term_weight: float

    def take(self, component: Loss) -> None:
        """Share the component's state and its weight in the sum."""
        self.share(component)
        self.loss_term_weight = component.loss_term_weight

    def forward(self, **features: Any) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss and its figures.

        Metric losses in half precision stall or overflow: they are computed in float32, as in our own
        trainer. Rows are gathered with the gradients of all processes, so that the sum of the losses is
        that of the whole batch and needs no scaling.
        """
        with torch.autocast(device_type(features), enabled=False):
            arguments = in_float32(features)
            if self.component.gathers:
                arguments = gathered(arguments)
            loss, info = self.component(**arguments)
        return loss, {name: value.detach().float().mean() for name, value in info.items()}
