"""Modules in place of packages that are not installed: importing from them works, using them says why."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gait_plugins.errors import UpstreamMismatch
from upstream_patches.checkout.unavailable import DISTRIBUTIONS

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
SKLEARN = ("sklearn", "sklearn.metrics")
"""What the evaluators of some versions import of scikit-learn, for one of them."""


WAYS_OUT = {
    "torchvision.models.resnet.ResNet": "or set backbone_cfg.type: gait-plugins-trackletgait/ResNet9, "
    "which needs no torchvision"
}
"""What stands in -> how a backbone of the checkout does without it."""
_MODELS = "modeling.models."
"""Modules of the checkout's models: what these make themselves no setting replaces."""


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


def if_missing(names: tuple[str, ...]) -> dict[str, ModuleType]:
    """Stand-ins of a package that is not installed; nothing where it is."""
    package = names[0]
    if package in sys.modules or find_spec(package) is not None:
        return {}
    return make(names, f"{package} is not installed: pip install {DISTRIBUTIONS.get(package, package)}")


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
        hint = None if type(self).__module__.startswith(_MODELS) else WAYS_OUT.get(name)
        raise UpstreamMismatch(f"{name} is needed here, but {reason}", hint=hint)

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


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images as one picture, as torchvision lays them out.

    Args:
        tensor: ``[k, c, h, w]`` or k images ``[c, h, w]``; one image may also be ``[c, h, w]`` or ``[h, w]``.
        nrow: images in a row.
        padding: pixels around each image.
        normalize: stretch to [0, 1]: all together, or each image with ``scale_each``.
        value_range: what is stretched; by default from the smallest value to the largest.
        scale_each: see ``normalize``.
        pad_value: of the pixels between the images.

    Returns:
        ``[c, rows, columns]``, three channels where the images have one; one image alone as it is.
    """
    import torch

    images = tensor if isinstance(tensor, torch.Tensor) else torch.stack(list(tensor))
    images = images[(None,) * (4 - images.dim())]
    if images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    if normalize:
        images = _stretched(images, value_range, scale_each)
    if len(images) == 1:
        return images[0]
    columns = min(nrow, len(images))
    images = torch.nn.functional.pad(images, (padding, 0, padding, 0), value=pad_value)
    blank = images.new_full((-len(images) % columns, *images.shape[1:]), pad_value)
    rows = torch.cat([images, blank]).view(-1, columns, *images.shape[1:])
    grid = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
    return torch.nn.functional.pad(grid, (0, padding, 0, padding), value=pad_value)


def _stretched(images: Tensor, value_range: tuple[float, float] | None, each: bool) -> Tensor:
    images = images.float()
    if value_range is not None:
        low, high = (images.new_tensor(value) for value in value_range)
    else:
        over = (1, 2, 3) if each else (0, 1, 2, 3)
        low, high = images.amin(over, keepdim=True), images.amax(over, keepdim=True)
    return (images.clamp(low, high) - low) / (high - low).clamp(min=1e-5)


_WORKING: dict[str, dict[str, Any]] = {
    "torchvision.transforms": {"Compose": Compose},
    "torchvision.utils": {"make_grid": make_grid},
}


def forget(package: str) -> dict[str, ModuleType]:
    """Take a package and its modules out of ``sys.modules``; what was taken out."""
    names = [name for name in sys.modules if name == package or name.startswith(package + ".")]
    return {name: sys.modules.pop(name) for name in names}
