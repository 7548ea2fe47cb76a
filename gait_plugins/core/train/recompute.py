"""Recomputation: parts of a model that keep only their inputs, and work again in the backward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gait_plugins.errors import ConfigError
from gait_plugins.suggest import did_you_mean

_WHERE = "trainer_cfg.recompute"
Names = Literal["auto"] | Sequence[str]
_Groups = nn.Sequential | nn.ModuleList | nn.ModuleDict


class Recomputed:
    """Parts of a model that forget what lies between their inputs and their outputs, until that is needed.

    In the backward pass a part works again, with the random numbers and the buffers that it had before. So
    losses and gradients are the same, and batch-norm statistics move once. Keys stay.

    Args:
        model: changed in place.
        names: see :func:`named_parts`.

    Raises:
        ConfigError: see :func:`named_parts`.
    """

    def __init__(self, model: nn.Module, names: Names) -> None:
        self._chosen = names == "auto"
        self._idle = named_parts(model, names)
        for name, part in tuple(self._idle.items()):
            # On the instance, so that a copy of the model has copies of its own.
            part.forward = partial(self._forward, name, part)

    def _forward(self, name: str, part: nn.Module, *inputs: Any, **options: Any) -> Any:
        self._idle.pop(name, None)
        plain = partial(type(part).forward, part)
        if not torch.is_grad_enabled():
            return plain(*inputs, **options)
        given = [value for value in inputs if isinstance(value, Tensor)]
        before = [value._version for value in given]
        contexts = partial(_contexts, part)
        found = checkpoint(plain, *inputs, use_reentrant=False, context_fn=contexts, **options)
        if before != [value._version for value in given]:
            raise ConfigError(
                f"{name} changes its input in place, which would not be there when it is recomputed",
                where=_WHERE,
                hint="name the part that it belongs to, or leave it out",
            )
        return found

    def require_called(self) -> None:
        """See that each part that was named has had something to do.

        Raises:
            ConfigError: one was never called as a whole.
        """
        for name in () if self._chosen else self._idle:
            raise ConfigError(
                f"{name} was not called as a whole in a step, so nothing of it would be recomputed",
                where=_WHERE,
                hint=f"name the parts within it: {name}.*",
            )


def named_parts(model: nn.Module, names: Names) -> dict[str, nn.Module]:
    """The modules with these names, by their names; of those that lie in each other the outermost.

    Args:
        model: whose.
        names: as ``named_modules`` has them; ``*`` stands for anything, ``?`` for one character. ``auto`` is
            every block but the last: the innermost modules of at least two weighted layers, that are no mere
            lists. What the last one needs is there anyway when the backward pass begins.

    Raises:
        ConfigError: a name fits none.
    """
    if names == "auto":
        return dict(list(_blocks(model))[:-1])
    modules = {name: module for name, module in model.named_modules() if name}
    found: dict[str, nn.Module] = {}
    for name in names:
        fitting = [each for each in modules if fnmatchcase(each, name)]
        if not fitting:
            tops = [each for each in modules if "." not in each]
            raise ConfigError(
                f"{type(model).__name__} has no part {name!r}",
                where=_WHERE,
                hint=did_you_mean(name, modules, also=f"available: {', '.join(tops)}, and what is in them"),
            )
        found |= {each: modules[each] for each in fitting}
    return {name: part for name, part in found.items() if not any(above in found for above in _above(name))}


def _blocks(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    wide = {name: module for name, module in model.named_modules() if name and _is_block(module)}
    holding = {above for name in wide for above in _above(name)}
    return ((name, module) for name, module in wide.items() if name not in holding)


def _is_block(module: nn.Module) -> bool:
    weighted = (any(p.dim() > 1 for p in part.parameters(recurse=False)) for part in module.modules())
    return not isinstance(module, _Groups) and sum(weighted) > 1


def _above(name: str) -> Iterator[str]:
    steps = name.split(".")
    return (".".join(steps[:end]) for end in range(1, len(steps)))


def _contexts(part: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Of the first pass, and of the second."""
    kept = [
        (module, name, value.clone())
        for module in part.modules()
        for name, value in module._buffers.items()
        if value is not None
    ]
    return nullcontext(), _with_buffers(kept)


@contextmanager
def _with_buffers(lent: Sequence[tuple[nn.Module, str, Tensor]]) -> Iterator[None]:
    """Modules have other buffers while this is open, and their own again afterwards."""
    own = [(module, name, module._buffers[name]) for module, name, _ in lent]
    for module, name, value in lent:
        module._buffers[name] = value
    try:
        yield
    finally:
        for module, name, buffer in own:
            module._buffers[name] = buffer
