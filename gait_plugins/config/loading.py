"""Loading: from a name, path or mapping to a validated configuration."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gait_plugins.config.check.resolving import Resolver, refusals
from gait_plugins.config.check.shape import check_shape
from gait_plugins.config.film_section import VideoSection
from gait_plugins.config.problems import Problem, raise_problems
from gait_plugins.config.sections import Config
from gait_plugins.config.yaml import overrides as typed
from gait_plugins.config.yaml.defaults import default_tree
from gait_plugins.config.yaml.layers import lay_over
from gait_plugins.config.yaml.sources import Source, display_name, merged_with_parents, read_source
from gait_plugins.config.yaml.tree import Tree, at, paths_in
from gait_plugins.errors import ConfigError, PluginLoadError
from gait_plugins.io.remote.address import taken
from gait_plugins.registry.components import Component, normalised
from gait_plugins.registry.files import file_component, is_file_name
from gait_plugins.registry.manager import Manager, default_manager, pin_plugins
from gait_plugins.suggest import nearest


def open_source(name: str | os.PathLike[str]) -> Source:
    """Read the file of a configuration or recipe: a path, a shipped name, or a recipe that a plugin offers.

    Raises:
        ConfigError: there is neither a recipe nor a configuration of that name, or the file is broken.
    """
    if is_file_name(os.fspath(name)):
        return read_source(name, _offered_file(os.fspath(name)))
    try:
        return read_source(name)
    except ConfigError as error:
        offered = default_manager().components("recipe")
        if any(component.is_called(os.fspath(name)) for component in offered):
            return read_source(name, _offered_file(os.fspath(name)))
        near = nearest(os.fspath(name), (c.name for c in offered))
        if near and not Path(name).is_file():
            told = f"did you mean the recipe {' or '.join(map(repr, near))} of a plugin?"
            error.hint = told if error.hint is None else f"{error.hint} {told}"
        raise


def _offered_file(name: str) -> Path:
    component: Component = (
        file_component("recipe", name) if is_file_name(name) else default_manager().find("recipe", name)
    )
    recipe: Any = component.load()
    path: Path = recipe.path()
    if not path.is_file():
        raise PluginLoadError(
            f"the file of recipe {name!r} is missing: {path}",
            where=f"{component.origin} ({component.owner})",
            hint=f"repair or reinstall {component.owner.distribution}",
        )
    return path


def load_config(
    source: str | os.PathLike[str] | Mapping[str, Any] | Source,
    overrides: typed.Overrides = (),
    *,
    folder: str | os.PathLike[str] | None = None,
    tried: bool = False,
) -> Config:
    """Read, complete and validate a configuration.

    Harmless oddities are in the configuration's ``warnings``.

    Args:
        source: name of a shipped configuration (``trackletgait/gait3d``), path of a YAML file, a file that
            was opened already, or the sections themselves.
        overrides: ``a.b.c=value`` over what is written there; values are YAML, list items are named
            by their position (``loss_cfg.0.margin=0.3``). Or a mapping of such keys to values.
        folder: where relative paths of components in files (``./my_loss.py:MyLoss``) start from, if
            ``source`` is the sections themselves; None refuses such components: a mapping may come from a
            checkpoint.
        tried: build each component once, but for the data set, and tell too what it refuses then.

    Raises:
        ConfigError: with ``file:line``; a ``ConfigProblems`` that holds each if there are several.
    """
    overrides = typed.texts_of(overrides)
    if isinstance(source, Mapping):
        name, written = "this configuration", Tree(copy.deepcopy(dict(source)))
        if folder is not None:
            written.take_files(Path(folder))
    else:
        read = source if isinstance(source, Source) else read_source(source)
        name, written = display_name(read.file), merged_with_parents(read)
    if "stages" in written.data:
        raise ConfigError(
            "this is a recipe, expected a configuration",
            where=written.where(("stages",)) or name,
            hint="each stage of a recipe writes its configuration to its run folder: use that config.yaml",
        )
    tree = lay_over(default_tree(), written)
    typed.apply(tree, overrides)
    return resolve(tree, name, tried=tried)


def load_video(source: str | os.PathLike[str] | None = None, overrides: Iterable[str] = ()) -> VideoSection:
    """Read and validate the section ``video_cfg`` alone, without torch.

    Args:
        source: a configuration, or a YAML file that holds nothing but this section; None: the defaults.
        overrides: ``video_cfg.a.b=value`` over what is written there.

    Raises:
        ConfigError: see :func:`load_config`.
    """
    name, written = "video_cfg", Tree({})
    if source is not None:
        read = read_source(source)
        name, written = display_name(read.file), merged_with_parents(read)
    tree = lay_over(Tree({"video_cfg": {}}), written)
    typed.apply(tree, overrides)
    if tree.data["video_cfg"] is None:
        tree.data["video_cfg"] = {}
    raise_problems(check_shape(tree).problems, name)
    _, missing = _pinned(tree)
    resolver = Resolver(tree)
    found = resolver.video()
    raise_problems([*missing, *resolver.problems], name)
    section: VideoSection = found.value
    return section


def resolve(tree: Tree, name: str, *, tried: bool = False) -> Config:
    """Validate a configuration that is complete.

    Args:
        tree: it, merged over the defaults.
        name: of the file, for messages.
        tried: see :func:`load_config`.

    Raises:
        ConfigError: see :func:`load_config`.
    """
    _keep_no_credentials(tree)
    shape = check_shape(tree, listed=("data_cfg",))  # a plugin may take a list of data sets
    import torch  # noqa: F401  (before any plugin: what one changes of it is then seen)

    manager, missing = _pinned(tree)
    if shape.problems:
        broken = shape.broken | check_shape(tree).broken  # no plugin will take a list of data sets now
    else:
        manager.lifecycle.configure(tree.data)
        shape = check_shape(tree)  # a plugin may have changed anything
        broken = shape.broken
    resolver = Resolver(tree, broken)
    config = resolver.config(name)
    refused = refusals(resolver.check.sound) if tried and not tree.incomplete else []
    raise_problems([*shape.problems, *missing, *resolver.problems, *refused], name)
    if config is None:  # no section is None without a problem
        raise ConfigError("the configuration is incomplete: a section is empty", where=name)
    return config


def _keep_no_credentials(tree: Tree) -> None:
    """Addresses of data hold none from here on: what is told and written has the masked one."""
    for path in paths_in(tree.data.get("data_cfg"), ("data_cfg",)):
        if typed.is_place(path) and isinstance(given := at(tree.data, path), str):
            at(tree.data, path[:-1])[path[-1]] = str(taken(given))


def _pinned(tree: Tree) -> tuple[Manager, list[Problem]]:
    """The packages that a configuration may use, and what of them is missing."""
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
    return manager, missing
