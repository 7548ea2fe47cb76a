"""Every patch of the second host, in the order in which they are applied."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from gait_plugins.errors import UpstreamMismatch
from gait_plugins.suggest import did_you_mean
from upstream_patches.patches.patch import Patch

PATCHES: tuple[str, ...] = (
    "upstream_patches.patches.imports:Imports",
    "upstream_patches.patches.compat:Compat",
    "upstream_patches.patches.safe_loading:SafeLoading",
    "upstream_patches.patches.device:DevicePatch",
    "upstream_patches.patches.output:Output",
    "upstream_patches.patches.configuration:Configuration",
    "upstream_patches.patches.look_ups:Models",
    "upstream_patches.patches.look_ups:Backbones",
    "upstream_patches.patches.look_ups:Losses",
    "upstream_patches.patches.data:Transforms",
    "upstream_patches.patches.data:FrameSamplers",
    "upstream_patches.patches.look_ups:BatchSamplers",
    "upstream_patches.patches.look_ups:Evaluators",
    "upstream_patches.patches.lifecycle:LifecyclePatch",
)
"""``module:Class`` of each; what changes how modules are imported comes first."""


def load(targets: Iterable[str] = PATCHES) -> list[Patch]:
    """One fresh instance of every patch."""
    pairs = (target.split(":") for target in targets)
    return [getattr(importlib.import_module(module), name)() for module, name in pairs]


def chosen(without: Iterable[str] = ()) -> list[Patch]:
    """Every patch but those named in ``without``.

    Raises:
        UpstreamMismatch: there is no patch of that name.
    """
    patches = load(PATCHES)
    names = [patch.name for patch in patches]
    dropped = set(without)
    for name in sorted(dropped - set(names)):
        known = f"known patches: {', '.join(names)}"
        raise UpstreamMismatch(
            f"unknown patch {name!r}", where="--without", hint=did_you_mean(name, names, also=known)
        )
    return [patch for patch in patches if patch.name not in dropped]
