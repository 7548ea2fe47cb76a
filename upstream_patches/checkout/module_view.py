"""A module with some names replaced, as one module of the host sees it."""

from __future__ import annotations

from types import ModuleType
from typing import Any


class View:
    """Some names replaced, every other the module's own; nobody else sees the difference.

    Args:
        module: what lies behind it, a module or another view.
        names: what is replaced.
    """

    def __init__(self, module: ModuleType | View, **names: Any) -> None:
        vars(self).update(names)
        vars(self)["_behind"] = module

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_behind"], name)
