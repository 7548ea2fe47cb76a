"""Stand-in for torch's compiler, whose import takes longer than that of torch itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_NAME = "torch._dynamo"
_MARK = "__dynamo_disable"
"""What torch keeps of an answer of :meth:`_NoCompiler.disable`."""


@contextmanager
def without_compiler() -> Iterator[None]:
    """Let torch run what is not compiled, without an import of its compiler.

    Solvers, schedules and tensors without data import it only to say that they are not to be compiled.
    Whoever asks for anything else of it inside gets the real one, which then takes the stand-in's place.
    Where it is imported already, nothing is changed.
    """
    if _NAME in sys.modules:
        yield
        return
    stand_in = _NoCompiler(_NAME)
    sys.modules[_NAME] = stand_in
    try:
        yield
    finally:
        stand_in.leave()


class _NoCompiler(ModuleType):
    """The three functions that code which is not compiled calls; all else is the real module's."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._marked: list[Any] = []

    def disable(self, fn: Any = None, recursive: bool = True, **more: Any) -> Any:
        """The function as it is: nothing is compiled."""
        if fn is None:
            return lambda found: self.disable(found, recursive, **more)
        self._marked.append(fn)
        return fn

    def graph_break(self, *_: object, **__: object) -> None:
        """Nothing: there is no graph."""

    def leave(self) -> None:
        """Forget all: whatever is compiled later asks the real module."""
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        for function in self._marked:
            vars(function).pop(_MARK, None)
        self._marked.clear()

    def __getattr__(self, name: str) -> Any:
        if name in ("__spec__", "__file__"):  # asked for by what only looks around
            raise AttributeError(name)
        self.leave()
        return getattr(importlib.import_module(_NAME), name)
