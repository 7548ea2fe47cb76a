"""Modules that have moved: their old names work for one version more, with a DeprecationWarning.

What docs, README and examples of version 0.1.0 import under an old name is listed here, and nothing else.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

REMOVED_IN = "0.3"
MOVED = {
    "gait_plugins.core.checkpoint": "gait_plugins.core.checkpoints.files",
    "gait_plugins.core.checkpoint_info": "gait_plugins.core.checkpoints.inspect",
    "gait_plugins.core.embedder": "gait_plugins.core.tools.embedder",
    "gait_plugins.core.embeddings": "gait_plugins.core.tools.embeddings",
    "gait_plugins.core.engine": "gait_plugins.core.train.loop",
    "gait_plugins.core.export": "gait_plugins.core.tools.export",
    "gait_plugins.core.identification": "gait_plugins.core.tools.identification",
    "gait_plugins.core.load_report": "gait_plugins.core.checkpoints.compare",
    "gait_plugins.core.options": "gait_plugins.core.runtime.options",
    "gait_plugins.frames": "gait_plugins.io.sequence_file",
    "gait_plugins.kinds": "gait_plugins.registry.kinds",
    "gait_plugins.manager": "gait_plugins.registry.manager",
    "gait_plugins.plugins.rle.authors": "gait_plugins.plugins.rle.published_weights",
    "gait_plugins.plugins.rle.grid": "gait_plugins.plugins.rle.augment.grid",
    "gait_plugins.plugins.rle.moderate": "gait_plugins.plugins.rle.augment.moderate",
    "gait_plugins.plugins.rle.radical": "gait_plugins.plugins.rle.augment.radical",
    "gait_plugins.plugins.rle.splits": "gait_plugins.plugins.rle.protocols.mean_of_splits",
    "upstream_patches.patch": "upstream_patches.patches.patch",
}
"""Old name -> new name."""


class _OldNames:
    """Finds modules by the names that they had."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in MOVED:
            return None
        from importlib.util import find_spec  # only where an old name is met

        there = find_spec(MOVED[fullname])
        if there is None or there.loader is None:
            return None
        # Loaders need no base class: that of the standard library would cost every start some milliseconds.
        loader: Any = _Forwarding(there)
        return ModuleSpec(fullname, loader, origin=there.origin)


class _Forwarding:
    """A module in whose place another one answers."""

    def __init__(self, new: ModuleSpec) -> None:
        self.new = new

    def create_module(self, spec: ModuleSpec) -> None:
        """None: an ordinary module."""

    def exec_module(self, module: ModuleType) -> None:
        _warn(module.__name__, self.new.name)
        there = importlib.import_module(self.new.name)
        module.__doc__ = there.__doc__

        def attribute(name: str) -> Any:
            return getattr(there, name)

        module.__dict__.update(__getattr__=attribute, __dir__=lambda: dir(there))

    def get_code(self, fullname: str) -> CodeType | None:
        """The new module's code, for ``python -m`` with the old name."""
        _warn(fullname, self.new.name)
        code: CodeType | None = self.new.loader.get_code(self.new.name)  # type: ignore[union-attr]
        return code


def _warn(old: str, new: str) -> None:
    text = f"{old} is now {new}; the old name goes with version {REMOVED_IN}"
    warnings.warn(text, DeprecationWarning, stacklevel=3)


def install() -> None:
    """Let old names be found, after every other way of finding a module."""
    if not any(isinstance(finder, _OldNames) for finder in sys.meta_path):
        sys.meta_path.append(_OldNames())
