"""Losses of the checkout as the core's: ``opengait/TripletLoss`` is ``TripletLoss`` here."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from gait_plugins.api import Loss
from upstream_patches.checkout.tree import Checkout
from upstream_patches.host.importing import imported
from upstream_patches.host.listing import found_as, listing


def _hosted(plain: Callable[..., Any]) -> Callable[..., Any]:
    """The checkout's ``forward`` as the core calls it; its arguments stay its own."""

    @functools.wraps(plain)
    def forward(self: Loss, *features: Any, **named: Any) -> tuple[Tensor, Mapping[str, Tensor]]:
        loss, info = plain(self, *features, **named)
        return loss, dict(info)

    return forward


@lru_cache(maxsize=64)
def _made(root: Path, name: str, module: str) -> type[Loss]:
    original = getattr(imported(Checkout(root), module), name)
    gathers = _gathers(original.forward)
    # The core gathers where the wrapper, which wants a process group, would.
    plain = original.forward.__wrapped__ if gathers else original.forward
    body = {
        "__module__": __name__,
        "__qualname__": name,
        "__doc__": original.__doc__ or f"The loss {name} of the OpenGait checkout.",
        "stands_for": original,
        "forward": _hosted(plain),
        "gathers": gathers,
    }
    return cast("type[Loss]", types.new_class(name, (original, Loss), {}, lambda made: made.update(body)))


def _gathers(forward: Any) -> bool:
    """True where ``forward`` is wrapped into OpenGait's gathering of all processes' features."""
    return hasattr(forward, "__wrapped__") and "gather_and_scale_wrapper" in forward.__globals__


def __getattr__(name: str) -> Any:
    return _made(listing().checkout.root, name, found_as("loss", name).module)
