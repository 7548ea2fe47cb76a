"""Modules of the checkout that cannot be imported: left out, with the reason."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from gait_plugins.errors import GaitPluginsError
from upstream_patches.checkout.tree import MODULES

FAMILIES = ("modeling.models", "modeling.backbones", "modeling.losses")
"""Packages of the host that import every module in them."""
DISTRIBUTIONS = {"sklearn": "scikit-learn", "cv2": "opencv-python-headless", "PIL": "pillow"}


class LeavingOut(MetaPathFinder):
    """Finds the modules of ``FAMILIES``; where one cannot be imported, it stays empty.

    Args:
        unavailable: filled with each class and function of such a module -> why it cannot be had.
    """

    def __init__(self, unavailable: dict[str, str]) -> None:
        self.unavailable = unavailable
        self.reasons: dict[str, str] = {}
        """Module -> why it is empty."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As any finder."""
        if name.rpartition(".")[0] not in FAMILIES:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Lenient(spec.loader, self)
        return spec

    def note(self, module: ModuleType, error: Exception) -> None:
        """Empty a module and remember why."""
        source = getattr(error, "name", None) if isinstance(error, ImportError) else None
        # A model built on one that is left out needs what that one needs.
        reason = self.reasons.get(source or "") or why_unavailable(error)
        self.reasons[module.__name__] = reason
        for name in [name for name in vars(module) if not name.startswith("__")]:
            delattr(module, name)
        self.unavailable.update(dict.fromkeys(_defined(module), reason))


class _Lenient(Loader):
    def __init__(self, loader: Loader, finder: LeavingOut) -> None:
        self._loader = loader
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        try:
            self._loader.exec_module(module)
        except Exception as error:  # whatever a module's own code does at import: one model, not all
            self._finder.note(module, error)


def why_unavailable(error: Exception) -> str:
    """Why an import failed, with the command that helps where a package is missing."""
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] in MODULES:
        return f"imports {error.name}, which the checkout lacks"
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] not in sys.modules:
        package = error.name.split(".")[0]
        return f"needs {package}: pip install {DISTRIBUTIONS.get(package, package)}"
    if isinstance(error, GaitPluginsError):
        return error.message
    return f"cannot be imported: {type(error).__name__}: {error}"


def _defined(module: ModuleType) -> list[str]:
    """The classes and functions that its source would have defined."""
    file = module.__file__
    if file is None:
        return []
    try:
        body = ast.parse(Path(file).read_text(encoding="utf-8")).body
    except (SyntaxError, ValueError):  # the reason says so already
        return []
    return [node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
