"""Trees of tensors (lists and mappings that losses are given): in float32, gathered, joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from gait_plugins.nn.collectives import gather_rows


def in_float32(value: Any) -> Any:
    """Floating-point tensors as float32; whole numbers, and whatever is no tensor, as they are."""
    return mapped(value, lambda x: x.float() if x.is_floating_point() else x)


def gathered(value: Any) -> Any:
    """Tensors ``[n, ...]`` as those of all ranks, with gradient: :func:`~.collectives.gather_rows`."""
    return mapped(value, lambda x: gather_rows(x) if x.dim() > 0 else x)


def joined(values: Sequence[Any]) -> Any:
    """Trees of one shape as one tree, their tensors ``[n, ...]`` one after the other; else as the first."""
    columns = zip(*(tensors(value) for value in values), strict=True)
    whole = iter([torch.cat(column) for column in columns])
    return mapped(values[0], lambda _: next(whole))


def device_type(value: Any) -> str:
    """``cpu``, ``cuda``, ...: where the first tensor of it lies; ``cpu`` if there is none."""
    return next((x.device.type for x in tensors(value)), "cpu")


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The tree with every tensor changed, in the order of :func:`tensors`."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: mapped(one, change) for key, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named = cast(Any, value)
        return named._replace(**{name: mapped(getattr(named, name), change) for name in named._fields})
    if isinstance(value, list | tuple):
        return type(value)(mapped(one, change) for one in value)
    return value


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors of a tree, one after the other."""
    if isinstance(value, Tensor):
        yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for one in inner:
        yield from tensors(one)
