"""Modules of the checkout in a process that is not OpenGait's: each imported alone, when it is needed."""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
import warnings
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gait_plugins.errors import UnknownComponent, UpstreamMismatch
from gait_plugins.registry.manager import default_manager
from upstream_patches.adapters.backbone import adapt_backbone
from upstream_patches.checkout import stand_ins
from upstream_patches.checkout.module_view import View
from upstream_patches.checkout.tree import MODULES, Checkout
from upstream_patches.checkout.unavailable import why_unavailable
from upstream_patches.host.source import IN_PIECES, Source
from upstream_patches.patches.imports import Imports

_OLD_NUMPY = {"float": float, "int": int, "bool": bool, "object": object, "complex": complex}
"""Names that numpy 1.24 removed."""
_torchvision = Imports()
"""Keeps the operators that it declares declared."""
_one_at_a_time = threading.RLock()
_under_way: list[Checkout] = []


def imported(checkout: Checkout, module: str) -> ModuleType:
    """A module of the checkout; of what it imports itself, the checkout's other models are left alone.

    Python's path, numpy's print options and the checkout's files are as before; the modules stay in
    ``sys.modules``.

    Raises:
        UpstreamMismatch: it cannot be imported, or a module that is no OpenGait has one of its names.
    """
    known = sys.modules.get(module)
    if known is not None and checkout.owns(known):
        return known
    with _one_at_a_time, contextlib.ExitStack() as stack:
        if not _under_way:  # else this is an import within an import
            stack.enter_context(_importing(checkout))
        try:
            return importlib.import_module(module)
        except Exception as error:  # whatever its own code does at import
            raise UpstreamMismatch(
                f"{module} of the checkout {why_unavailable(error)}", where=str(checkout.root)
            ) from error


@contextlib.contextmanager
def _importing(checkout: Checkout) -> Iterator[None]:
    checkout.attach()
    before = set(sys.modules)
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    passing: dict[str, ModuleType] = {}
    _under_way.append(checkout)
    try:
        _lay_out(checkout)
        passing = _passing()
        sys.modules.update(passing)
        # The checkout's own code sets numpy's options and warns of its age; neither is ours to hear of.
        with np.printoptions(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _under_way.pop()
        sys.dont_write_bytecode = bytecode
        with contextlib.suppress(ValueError):
            sys.path.remove(str(checkout.package))
        for name in passing:
            sys.modules.pop(name, None)
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in MODULES:
                _keep_old_names(sys.modules[name])


def _keep_old_names(module: ModuleType) -> None:
    if vars(module).get("np") is np:
        lost = {name: kind for name, kind in _OLD_NUMPY.items() if name not in vars(np)}
        vars(module)["np"] = View(np, **lost)


def _passing() -> dict[str, ModuleType]:
    """Stand-ins of the packages that silhouette models import and can do without."""
    passing: dict[str, ModuleType] = dict(_torchvision.torchvision())
    for names in (stand_ins.MATPLOTLIB, stand_ins.SKLEARN):
        passing |= stand_ins.if_missing(names)
    return passing


# --- packages that would import everything in them ----------------------------------------------------


def _lay_out(checkout: Checkout) -> None:
    """Put packages of our own in place of those that import all of their modules."""
    for name in ("modeling", *IN_PIECES):
        if name not in sys.modules:
            folder = checkout.package.joinpath(*name.split("."))
            if name == "modeling" and (folder / "__init__.py").exists():
                continue
            module = _Pieces(name, folder, checkout)
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(importlib.import_module(parent), child, module)


class _Pieces(ModuleType):
    """A package whose classes are imported when they are asked for, from whichever module defines them."""

    def __init__(self, name: str, folder: Path, checkout: Checkout) -> None:
        super().__init__(name)
        self.__path__ = [str(folder)]
        self.__file__ = str(folder / "__init__.py")
        self.__spec__ = ModuleSpec(name, None, origin=self.__file__, is_package=True)
        self.__spec__.submodule_search_locations = self.__path__
        self._checkout = checkout

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            for file in sorted(Path(self.__path__[0]).glob("*.py")):
                module = f"{self.__name__}.{file.stem}"
                if file.stem != "__init__" and name in Source(module, file).classes:
                    return getattr(imported(self._checkout, module), name)
            if self.__name__ == "modeling.backbones":
                with contextlib.suppress(UnknownComponent):
                    return adapt_backbone(default_manager().find("backbone", name))
        raise AttributeError(f"{self.__name__} of the checkout has no {name!r}")
