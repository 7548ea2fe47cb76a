"""Loading: from a name, path or mapping to a validated configuration."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping
from typing import Any

from gait_plugins.config.check.resolving import Resolver, check_shape
from gait_plugins.config.problems import Problem, raise_problems
from gait_plugins.config.sections import Config
from gait_plugins.config.yaml import overrides as typed
from gait_plugins.config.yaml.defaults import default_tree
from gait_plugins.config.yaml.sources import display_name, locate, read_config
from gait_plugins.config.yaml.tree import Tree, merge
from gait_plugins.errors import ConfigError
from gait_plugins.registry.components import normalised
from gait_plugins.registry.manager import Manager, pin_plugins


def load_config(source: str | os.PathLike[str] | Mapping[str, Any], overrides: Iterable[str] = ()) -> Config:
    """Read, complete and validate a configuration; nothing of it is built.

    Harmless oddities are in the configuration's ``warnings``.

    Args:
        source: name of a shipped configuration (``trackletgait/gait3d``), path of a YAML file, or
            the sections themselves.
        overrides: ``a.b.c=value`` over what is written there; values are YAML, list items are named
            by their position (``loss_cfg.0.margin=0.3``).

    Raises:
        ConfigError: with ``file:line``; a ``ConfigProblems`` that holds each if there are several.
    """
    if isinstance(source, Mapping):
        name, written = "this configuration", Tree(copy.deepcopy(dict(source)))
    else:
        file = locate(source)
        name, written = display_name(file), read_config(file)
    if "stages" in written.data:
        raise ConfigError(
            "this is a recipe, expected a configuration",
            where=written.where(("stages",)) or name,
            hint="each stage of a recipe writes its configuration to its run folder: use that config.yaml",
        )
    tree = merge(default_tree(), written)
    typed.apply(tree, overrides)
    return resolve(tree, name)


def resolve(tree: Tree, name: str) -> Config:
    """Validate a configuration that is complete.

    Args:
        tree: it, merged over the defaults.
        name: of the file, for messages.

    Raises:
        ConfigError: see :func:`load_config`.
    """
    raise_problems(check_shape(tree), name)
    _pinned(tree).lifecycle.configure(tree.data)
    raise_problems(check_shape(tree), name)  # a plugin may have changed anything
    resolver = Resolver(tree)
    config = resolver.config(name)
    raise_problems(resolver.problems, name)
    if config is None:  # no section is None without a problem
        raise ConfigError("the configuration is incomplete: a section is empty", where=name)
    return config


def _pinned(tree: Tree) -> Manager:
    listed = tree.data.get("plugins")
    manager = pin_plugins(listed)
    found = [*manager.owners, *(failure.owner for failure in manager.failures)]
    known = {normalised(n) for owner in found for n in (owner.distribution, owner.entry_point)}
    missing = [
        Problem(
            f"plugins: {name!r} is not installed, or GAIT_PLUGINS_LOAD excludes it",
            tree.where(("plugins", i)),
            "install the package with pip, or remove the entry from the list",
        )
        for i, name in enumerate(listed or ())
        if normalised(name) not in known
    ]
    raise_problems(missing, "plugins")
    return manager
