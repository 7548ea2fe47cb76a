"""Trees of tensors (lists and mappings that losses are given): in float32, gathered over processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from torch import Tensor

from gait_plugins.nn.collectives import gather_rows


def in_float32(value: Any) -> Any:
    """Floating-point tensors as float32; whole numbers, and whatever is no tensor, as they are."""
    return _mapped(value, lambda x: x.float() if x.is_floating_point() else x)


def gathered(value: Any) -> Any:
    """Tensors ``[n, ...]`` as those of all ranks, with gradient: :func:`~.collectives.gather_rows`."""
    return _mapped(value, lambda x: gather_rows(x) if x.dim() > 0 else x)


def device_type(value: Any) -> str:
    """``cpu``, ``cuda``, ...: where the first tensor of it lies; ``cpu`` if there is none."""
    return next((x.device.type for x in _tensors(value)), "cpu")


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(one, change) for key, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named = cast(Any, value)
        return named._replace(**{name: _mapped(getattr(named, name), change) for name in named._fields})
    if isinstance(value, list | tuple):
        return type(value)(_mapped(one, change) for one in value)
    return value


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for one in inner:
        yield from _tensors(one)
