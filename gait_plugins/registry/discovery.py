"""Discovery of the installed packages that offer plugins, from their metadata; nothing is imported."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.metadata import Distribution, EntryPoint, distributions

from gait_plugins.hookspecs import PROJECT
from gait_plugins.registry.components import Owner, normalised

BUILT_IN = "gait-plugins-trackletgait"
ALLOW_VARIABLE = "GAIT_PLUGINS_LOAD"


def installed() -> list[tuple[Owner, EntryPoint]]:
    """The entry points of the group ``gait_plugins`` with their packages, by package and name."""
    first: dict[str, Distribution] = {}
    found = {}
    for distribution in distributions():
        # Most packages offer nothing here; their metadata need not be read.
        for entry_point in distribution.entry_points:
            if entry_point.group != PROJECT:
                continue
            name = str(distribution.name)
            # The first of two copies on the path is the one that Python imports.
            if first.setdefault(normalised(name), distribution) is distribution:
                module = entry_point.value.partition(":")[0].strip()
                found[Owner(name, str(distribution.version), entry_point.name, module)] = entry_point
    return sorted(found.items(), key=lambda pair: pair[0])


def allow_list(names: Iterable[str] | None) -> frozenset[str] | None:
    """What may load beside the built-ins: ``names``, the environment's list, or what both hold.

    None means that all may.
    """
    chosen = None if names is None else frozenset(normalised(name) for name in names)
    if ALLOW_VARIABLE not in os.environ:
        return chosen
    environment = os.environ[ALLOW_VARIABLE].split(",")
    permitted = frozenset(normalised(name.strip()) for name in environment if name.strip())
    return permitted if chosen is None else permitted & chosen


def is_allowed(owner: Owner, allow: frozenset[str] | None) -> bool:
    """True for built-ins and for plugins that are allowed by their package's or their own name."""
    package = normalised(owner.distribution)
    return allow is None or package == BUILT_IN or bool({package, normalised(owner.entry_point)} & allow)
