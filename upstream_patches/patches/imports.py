"""Imports of optional packages: a missing one disables only what needs it."""

from __future__ import annotations

import importlib
import sys
from typing import Any, ClassVar

from gait_plugins.errors import UpstreamMismatch
from upstream_patches.checkout import stand_ins
from upstream_patches.checkout.unavailable import FAMILIES, LeavingOut, why_unavailable
from upstream_patches.patches.patch import Host, Patch

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


_EXTRA = ("einops", "tqdm")
"""What the extra ``opengait`` installs."""


class Imports(Patch):
    """Models, backbones and losses that cannot be imported are left out; torchvision may be missing."""

    name = "imports"
    needed = True
    touches = "the import of modeling.models, modeling.backbones, modeling.losses and of torchvision"
    why = "OpenGait imports every model at start: one missing package would stop them all"
    files = (
        "opengait/modeling/base_model.py",
        "opengait/modeling/models/__init__.py",
        "opengait/modeling/backbones/__init__.py",
        "opengait/modeling/losses/__init__.py",
        "opengait/utils/msg_manager.py",
    )
    expects: ClassVar = {name: {} for name in ("modeling.base_model", *FAMILIES)}

    def change(self, host: Host) -> None:
        """Import all families, and explain whatever is asked for and was left out."""
        finder = LeavingOut(host.unavailable)
        sys.meta_path.insert(0, finder)
        self.replace.undo(lambda: sys.meta_path.remove(finder))
        self.replace.undo(host.unavailable.clear)
        shared = stand_ins.if_missing(stand_ins.SKLEARN)
        passing = {**self.torchvision(), **stand_ins.if_missing(stand_ins.MATPLOTLIB)}
        sys.modules.update(passing | shared)
        try:
            # What every model needs first: without it, all of them would be left out one by one.
            _imported(host, "modeling.base_model")
            for name in shared:  # a model that imports it needs it
                del sys.modules[name]
            families = [_imported(host, name) for name in FAMILIES]
        finally:
            # Who looks later whether a package is there shall see the truth.
            for name in (*passing, *shared):
                sys.modules.pop(name, None)

        def explain(name: str) -> Any:
            if name not in host.unavailable:
                raise AttributeError(name)
            raise UpstreamMismatch(
                f"{name} of the checkout {host.unavailable[name]}", where=str(host.checkout.root)
            )

        for family in families:
            self.replace.look_up(family, explain)

    def torchvision(self) -> dict[str, Any]:
        """Stand-ins of torchvision, where it cannot be brought to life."""
        try:
            importlib.import_module("torchvision")
        except Exception as error:
            stand_ins.forget("torchvision")
            if isinstance(error, ModuleNotFoundError) and error.name == "torchvision":
                reason = "torchvision is not installed: pip install torchvision"
                return dict(stand_ins.make(stand_ins.TORCHVISION, reason))
        else:
            return {}
        # Its compiled operators do not load beside this torch. Its Python code asks for two of them by
        # name when it is imported; only detection models, which OpenGait has none of, ever call them.
        self._declare_operators()
        try:
            importlib.import_module("torchvision")
        except Exception as error:
            stand_ins.forget("torchvision")
            reason = f"torchvision {why_unavailable(error)}"
            return dict(stand_ins.make(stand_ins.TORCHVISION, reason))
        return {}

    def _declare_operators(self) -> None:
        import torch

        library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        self.replace.undo(library._destroy)
        for operator in _OPERATORS:
            if not hasattr(torch.ops.torchvision, operator.partition("(")[0]):
                library.define(operator)


def _imported(host: Host, name: str) -> Any:
    try:
        return host.module(name)
    except ModuleNotFoundError as error:
        told = "run pip install 'gait-plugins-trackletgait[opengait]': it brings einops and tqdm"
        raise UpstreamMismatch(
            f"OpenGait itself {why_unavailable(error)}",
            where=str(host.checkout.root),
            hint=told if error.name in _EXTRA else None,
        ) from error
