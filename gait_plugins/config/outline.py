"""Models as names and shapes alone, without memory for their weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_DRAWN = frozenset((torch.nn.init.normal_, Tensor.normal_))
"""What torch does in Python where there is no memory: it imports sympy for that, which takes half a second.
Other draws are cheap."""


class _Undrawn(TorchFunctionMode):
    """Weights that have no memory are left as they are."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if function in _DRAWN:
            weights = args[0] if args else named["tensor"]
            if weights.is_meta:
                return weights
        return function(*args, **named)


@contextmanager
def without_memory() -> Iterator[None]:
    """Whatever is made inside has names, shapes and dtypes, and no numbers: torch's ``meta`` device.

    A model that looks at its weights while it is made raises ``NotImplementedError``.
    """
    with torch.device("meta"), _Undrawn():
        yield
