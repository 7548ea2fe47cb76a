"""Losses of the checkout as the core's: ``opengait/TripletLoss`` is ``TripletLoss`` here."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, cast

from torch import Tensor

from gait_plugins.api import Loss
from upstream_patches.checkout import Checkout
from upstream_patches.host.importing import imported
from upstream_patches.host.listing import listing, module_of


class CheckoutLoss:
    """What every loss of the checkout has here: the core gathers for it, where OpenGait's wrapper would."""

    plain_forward: ClassVar[Callable[..., Any]]
    """The checkout's ``forward`` without the wrapper, which wants a process group."""
    loss_term_weight: float

    def forward(self, **features: Any) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss and its figures."""
        loss, info = type(self).plain_forward(self, **features)
        return loss, dict(info)


@lru_cache(maxsize=64)
def _made(root: Path, name: str, module: str) -> type[Loss]:
    original = getattr(imported(Checkout(root), module), name)
    gathers = _gathers(original.forward)
    body = {
        "__module__": __name__,
        "__qualname__": name,
        "__doc__": original.__doc__ or f"The loss {name} of the OpenGait checkout.",
        "plain_forward": original.forward.__wrapped__ if gathers else original.forward,
        "gathers": gathers,
    }
    bases = (CheckoutLoss, original, Loss)
    return cast("type[Loss]", types.new_class(name, bases, {}, lambda made: made.update(body)))


def _gathers(forward: Any) -> bool:
    """True where ``forward`` is wrapped into OpenGait's gathering of all processes' features."""
    return hasattr(forward, "__wrapped__") and "ddp_all_gather" in forward.__code__.co_names


def __getattr__(name: str) -> Any:
    found = None if name.startswith("_") else module_of("loss", name)
    if found is None:
        raise AttributeError(f"the checkout has no loss {name!r}")
    return _made(listing().checkout.root, name, found)
