"""Admission of a plugin: its hooks are checked, its components and commands are read."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pluggy

from gait_plugins import hookspecs
from gait_plugins.errors import PluginLoadError
from gait_plugins.hookspecs import API_VERSION, PROJECT, Offer
from gait_plugins.registry.commands import HOOK as COMMANDS
from gait_plugins.registry.commands import Command, commands_from
from gait_plugins.registry.components import Component, Owner
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.published import HOOK as CHECKPOINTS
from gait_plugins.registry.published import NamedCheckpoint, checkpoints_from
from gait_plugins.registry.sections import HOOK as SECTIONS
from gait_plugins.registry.sections import NamedSection, sections_from
from gait_plugins.suggest import did_you_mean

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("gait_"))


@dataclass(frozen=True)
class Contributed:
    """What a plugin adds."""

    components: list[Component]
    commands: list[Command]
    checkpoints: list[NamedCheckpoint]
    sections: list[NamedSection]


def admit(hooks: pluggy.PluginManager, owner: Owner, plugin: object) -> Contributed:
    """Register the plugin of a package and return what it adds.

    Raises:
        PluginLoadError: the plugin breaks the hook contract; it is then not registered.
    """
    required = getattr(plugin, "requires_api", API_VERSION)
    if required != API_VERSION:
        raise PluginLoadError(
            f"the plugin needs plugin API {required!r}, this version offers {API_VERSION}",
            where=f"{owner.module} ({owner})",
            hint=f"install a version of {owner.distribution} for plugin API {API_VERSION}",
        )
    enlist(hooks, plugin, f"{owner.distribution}:{owner.entry_point}")
    try:
        told, published, shown = (
            list(_returned(hooks, plugin, hook)) for hook in (COMMANDS, CHECKPOINTS, SECTIONS)
        )
        return Contributed(
            [found for kind in KINDS for found in _contributions(hooks, owner, plugin, kind)],
            [found for value in told for found in commands_from(value, owner)],
            [found for value in published for found in checkpoints_from(value, owner)],
            [found for value in shown for found in sections_from(value, owner)],
        )
    except BaseException:
        hooks.unregister(plugin)
        raise


def enlist(hooks: pluggy.PluginManager, plugin: object, name: str) -> None:
    """Register the hooks of a plugin or monitor once they are found to be right.

    Raises:
        PluginLoadError: misspelt, unmarked or wrapping hooks, wrong arguments, registered already.
    """
    if hooks.is_registered(plugin):
        raise PluginLoadError(f"the plugin is already registered, as {hooks.get_name(plugin)}")
    try:
        hooks.register(plugin, name=name)
        hooks.check_pending()
        _check_hooks(hooks, plugin)
    except BaseException as error:
        if hooks.is_registered(plugin):
            hooks.unregister(plugin)
        if isinstance(error, pluggy.PluginValidationError):
            raise PluginLoadError(_in_words(error)) from error
        raise


def _check_hooks(hooks: pluggy.PluginManager, plugin: object) -> None:
    callers = hooks.get_hookcallers(plugin) or []
    implementations = [i for caller in callers for i in caller.get_hookimpls() if i.plugin is plugin]
    for implementation in implementations:
        if implementation.wrapper or implementation.hookwrapper:
            name = implementation.function.__name__
            raise PluginLoadError(f"{name} is a hook wrapper; hook wrappers are not supported")
    marked = {caller.name for caller in callers}
    for name in set(HOOKS).intersection(dir(plugin)) - marked:
        if inspect.isroutine(inspect.getattr_static(plugin, name, None)):
            raise PluginLoadError(
                f"{name} is not marked with @gait_plugins.hookimpl: it would never be called"
            )
    if not implementations:
        raise PluginLoadError("the plugin has no hook: no function is marked with @gait_plugins.hookimpl")


def _contributions(hooks: pluggy.PluginManager, owner: Owner, plugin: object, kind: str) -> list[Component]:
    hook = KINDS[kind].hook
    found = []
    for value in _returned(hooks, plugin, hook):
        if not isinstance(value, Mapping):
            raise _bad_value(owner, hook, value)
        for name, offered in value.items():
            offer = offered if isinstance(offered, Offer) else Offer(offered)
            target = offer.target
            is_path = isinstance(target, str) and all(target.partition(":"))
            is_name = isinstance(name, str) and all(name.split("/"))
            if not is_name or not (is_path or inspect.isclass(target)):
                raise _bad_value(owner, hook, {name: offered})
            found.append(Component(kind, name, target, owner, offer.source, offer.missing))
    return found


def _returned(hooks: pluggy.PluginManager, plugin: object, hook: str) -> Iterator[object]:
    """What the plugin's implementations of a contribution hook return."""
    for implementation in getattr(hooks.hook, hook).get_hookimpls():
        if implementation.plugin is not plugin:
            continue
        try:
            value: object = implementation.function()
        except Exception as error:
            raise PluginLoadError(f"{hook} raised {type(error).__name__}: {error}") from error
        yield value


def _bad_value(owner: Owner, hook: str, value: object) -> PluginLoadError:
    return PluginLoadError(
        f"{hook} of {owner.module} ({owner}) returned {value!r}, "
        'expected a mapping name -> "module:attr", class or Offer'
    )


def _in_words(error: pluggy.PluginValidationError) -> str:
    reason = str(error)
    for word in reason.replace("'", " ").split():
        if word.startswith("gait") and word not in HOOKS and word != PROJECT:
            return "; ".join(filter(None, (reason, did_you_mean(word, HOOKS))))
    return reason
