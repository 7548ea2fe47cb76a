"""Modules in place of packages that are not installed: importing from them works, using them says why."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gait_plugins.errors import UpstreamMismatch

if TYPE_CHECKING:
    from torch import Tensor

TORCHVISION = (
    "torchvision",
    "torchvision.models",
    "torchvision.models.resnet",
    "torchvision.ops",
    "torchvision.transforms",
    "torchvision.transforms.functional",
    "torchvision.utils",
)
"""What OpenGait's modules import of torchvision."""
MATPLOTLIB = ("matplotlib", "matplotlib.pyplot")
"""What several models import of matplotlib, and do not use."""


def make(names: Iterable[str], reason: str) -> dict[str, ModuleType]:
    """Stand-ins of these modules, to be put into ``sys.modules``.

    Args:
        names: a package before its modules.
        reason: why the package cannot be had, ``torchvision is not installed: pip install torchvision``.
    """
    modules: dict[str, ModuleType] = {name: _StandIn(name, reason) for name in names}
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        if parent in modules:
            setattr(modules[parent], child, module)
        for attribute, value in _WORKING.get(name, {}).items():
            setattr(module, attribute, value)
    return modules


class _StandIn(ModuleType):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, "Stands in for a package that is not installed.")
        self.__spec__ = ModuleSpec(name, None, is_package=True)
        self.__path__: list[str] = []
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _refusing(f"{self.__name__}.{name}", self._reason)


def _refusing(name: str, reason: str) -> type:
    """A class to import and to subclass; making an instance raises."""

    def refuse(self: Any, *arguments: Any, **options: Any) -> None:
        raise UpstreamMismatch(f"{name} is needed here, but {reason}")

    return type(name.rpartition(".")[2], (), {"__init__": refuse, "__module__": __name__})


# --- the two functions of torchvision that every silhouette model's training uses -------------------


class Compose:
    """One transform after the other."""

    def __init__(self, transforms: Iterable[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, value: Any) -> Any:
        """What the last returns."""
        for transform in self.transforms:
            value = transform(value)
        return value


def make_grid(tensor: Tensor, nrow: int = 8, padding: int = 2, **options: Any) -> Tensor:
    """Images as one picture.

    Args:
        tensor: ``[k, 1 or 3, h, w]``; each image is stretched to [0, 1].
        nrow: images in a row.
        padding: pixels between them.

    Returns:
        ``[3, rows, columns]``.
    """
    import torch

    low, high = tensor.amin((1, 2, 3), keepdim=True), tensor.amax((1, 2, 3), keepdim=True)
    images = ((tensor - low) / (high - low).clamp(min=1e-5)).expand(-1, 3, -1, -1)
    images = torch.nn.functional.pad(images, (padding, 0, padding, 0))
    columns = min(nrow, len(images))
    blank = images.new_zeros(-len(images) % columns, *images.shape[1:])
    rows = torch.cat([images, blank]).view(-1, columns, *images.shape[1:])
    return torch.cat([torch.cat(list(row), 2) for row in rows], 1)


_WORKING: dict[str, dict[str, Any]] = {
    "torchvision.transforms": {"Compose": Compose},
    "torchvision.utils": {"make_grid": make_grid},
}


def forget(package: str) -> dict[str, ModuleType]:
    """Take a package and its modules out of ``sys.modules``; what was taken out."""
    names = [name for name in sys.modules if name == package or name.startswith(package + ".")]
    return {name: sys.modules.pop(name) for name in names}
