"""Discovery of plugins and look-up of their components: lazy, traceable, and loud about conflicts."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import EntryPoint, distributions

import pluggy

from gait_plugins import hookspecs
from gait_plugins.components import Component, Failure, Owner, import_target, nearest, normalised
from gait_plugins.errors import ComponentConflict, PluginLoadError, UnknownComponent
from gait_plugins.hookspecs import API_VERSION, PROJECT
from gait_plugins.kinds import KINDS
from gait_plugins.lifecycle import Lifecycle

BUILT_IN = "gait-plugins-trackletgait"
ALLOW_VARIABLE = "GAIT_PLUGINS_LOAD"


class Manager:
    """All plugins of this environment.

    Args:
        allow: distributions or entry points to load beside the built-ins; None means all. Where it
            is not given, the comma-separated ``GAIT_PLUGINS_LOAD`` decides (empty: built-ins only).
    """

    def __init__(self, allow: Iterable[str] | None = None) -> None:
        if allow is None and ALLOW_VARIABLE in os.environ:
            allow = [name.strip() for name in os.environ[ALLOW_VARIABLE].split(",") if name.strip()]
        self.allow = None if allow is None else sorted({normalised(name) for name in allow})
        self.owners: list[Owner] = []
        self.failures: list[Failure] = []
        self._components: dict[tuple[str, str], list[Component]] = {}
        self._hooks = pluggy.PluginManager(PROJECT)
        self._hooks.add_hookspecs(hookspecs)
        self._owner_of: dict[int, Owner] = {}
        for owner, entry_point in sorted(_entry_points(), key=lambda pair: pair[0]):
            if self._allows(owner):
                self._load(owner, entry_point)

    @cached_property
    def lifecycle(self) -> Lifecycle:
        """The life-cycle hooks of the loaded plugins."""
        return Lifecycle(self._hooks, lambda plugin: str(self._owner_of.get(id(plugin), "this program")))

    def components(self, kind: str | None = None) -> list[Component]:
        """All components, or those of one kind, by kind and name; nothing is imported."""
        found = [c for group in self._components.values() for c in group if kind in (None, c.kind)]
        return sorted(found, key=lambda c: (list(KINDS).index(c.kind), c.name.lower(), c.owner))

    def find(self, kind: str, name: str) -> Component:
        """The component of a bare or qualified name.

        Raises:
            UnknownComponent: nobody offers it; the message holds the nearest names.
            ComponentConflict: several packages do; the message holds the qualified spellings.
            PluginLoadError: it is asked for by a package that failed to load.
        """
        if kind not in KINDS:
            raise UnknownComponent(f"no kind of component is called {kind!r}; there are {', '.join(KINDS)}")
        candidates = self._components.get((kind, name)) or self._qualified(kind, name)
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise _conflict(kind, name, candidates)
        raise self._unknown(kind, name)

    def get(self, kind: str, name: str) -> type:
        """Import and return the class of a component; see :meth:`find`."""
        return self.find(kind, name).load()

    def register(self, plugin: object, *, distribution: str, version: str = "0") -> Owner:
        """Add a plugin object of this process (a notebook, a test) as if a package had offered it.

        Raises:
            PluginLoadError: it breaks the hook contract.
        """
        module = getattr(plugin, "__name__", type(plugin).__qualname__)
        owner = Owner(distribution, version, module, module)
        self._register(owner, plugin)
        return owner

    def _allows(self, owner: Owner) -> bool:
        names = {normalised(owner.distribution), normalised(owner.entry_point)}
        return self.allow is None or normalised(BUILT_IN) in names or bool(names & set(self.allow))

    def _load(self, owner: Owner, entry_point: EntryPoint) -> None:
        try:
            self._register(owner, importlib.import_module(entry_point.module))
        except PluginLoadError as error:
            self.failures.append(Failure(owner, error.message, error))
        except Exception as error:  # whatever a stranger's module raises must not stop the others
            self.failures.append(Failure(owner, f"{type(error).__name__}: {error}", error))

    def _register(self, owner: Owner, plugin: object) -> None:
        required = getattr(plugin, "requires_api", API_VERSION)
        if required != API_VERSION:
            raise PluginLoadError(
                f"the plugin was written for plugin API {required}, this version offers {API_VERSION}",
                where=f"{owner.module} ({owner})",
            )
        try:
            self._hooks.register(plugin, name=f"{owner.distribution}:{owner.entry_point}")
            self._hooks.check_pending()
            contributed = [c for kind in KINDS for c in self._contributions(owner, plugin, kind)]
        except BaseException as error:
            if self._hooks.is_registered(plugin):
                self._hooks.unregister(plugin)
            if isinstance(error, pluggy.PluginValidationError):
                raise PluginLoadError(_in_words(error), where=f"{owner.module} ({owner})") from error
            raise
        self.owners.append(owner)
        self._owner_of[id(plugin)] = owner
        for component in contributed:
            self._components.setdefault((component.kind, component.name), []).append(component)

    def _contributions(self, owner: Owner, plugin: object, kind: str) -> list[Component]:
        hook = KINDS[kind].hook
        implementations = getattr(self._hooks.hook, hook).get_hookimpls()
        found = []
        for implementation in (i for i in implementations if i.plugin is plugin):
            value = implementation.function()
            if not isinstance(value, Mapping):
                raise _bad_value(owner, hook, value)
            for name, target in value.items():
                is_path = isinstance(target, str) and all(target.partition(":"))
                if not isinstance(name, str) or not name or not (is_path or inspect.isclass(target)):
                    raise _bad_value(owner, hook, {name: target})
                found.append(Component(kind, name, target, owner))
        return found

    def _qualified(self, kind: str, name: str) -> list[Component]:
        distribution, slash, bare = name.partition("/")
        if not slash:
            return []
        for failure in self.failures:
            if normalised(failure.owner.distribution) == normalised(distribution):
                raise PluginLoadError(
                    f"{kind} {name!r} is asked for, but its package failed to load: {failure.reason}",
                    where=f"{failure.owner.module} ({failure.owner})",
                    hint="gait-plugins plugins check",
                ) from failure.error
        group = self._components.get((kind, bare), [])
        return [c for c in group if normalised(c.owner.distribution) == normalised(distribution)]

    def _unknown(self, kind: str, name: str) -> UnknownComponent:
        lines = [f"no installed package offers a {kind} called {name!r}"]
        same_kind = {c.name: c for c in self.components(kind)}
        for match in nearest(name.rpartition("/")[2], same_kind):
            lines.append(f"  did you mean {match!r}? ({kind} of {same_kind[match].owner})")
        for other in self.components():
            if other.kind != kind and other.name.lower() == name.lower():
                lines.append(f"  {other.name!r} is a {other.kind} of {other.owner}")
        for failure in self.failures:
            lines.append(f"  {failure.owner} may offer it, but failed to load: {failure.reason}")
        if self.allow is not None:
            lines.append(f"  only these plugins may load beside the built-ins: {self.allow or 'none'}")
        return UnknownComponent("\n".join(lines), hint=f"gait-plugins plugins list --kind {kind}")


def _entry_points() -> Iterable[tuple[Owner, EntryPoint]]:
    seen = set()
    for distribution in distributions():
        for entry_point in distribution.entry_points:
            # The same distribution can be found twice, once for each path that leads to it.
            key = (distribution.name, entry_point.name, entry_point.value)
            if entry_point.group == PROJECT and key not in seen:
                seen.add(key)
                owner = Owner(distribution.name, distribution.version, entry_point.name, entry_point.module)
                yield owner, entry_point


def _conflict(kind: str, name: str, candidates: Sequence[Component]) -> ComponentConflict:
    owners = "\n".join(f"  {c.owner}: {c.origin}" for c in candidates)
    spellings = " or ".join(c.qualified for c in candidates)
    return ComponentConflict(
        f"{len(candidates)} packages offer a {kind} called {name!r}:\n{owners}",
        hint=f"write {KINDS[kind].key}: {spellings}",
    )


def _bad_value(owner: Owner, hook: str, value: object) -> PluginLoadError:
    return PluginLoadError(
        f"{hook} of {owner.module} ({owner}) returned {value!r}, "
        'expected a mapping name -> "module:attr" or class'
    )


def _in_words(error: pluggy.PluginValidationError) -> str:
    reason = str(error)
    known = [name for name in vars(hookspecs) if name.startswith("gait_")]
    for word in reason.replace("'", " ").split():
        matches = nearest(word, known, 1)
        if word.startswith("gait") and word not in known and matches:
            return f"{reason}; did you mean {matches[0]!r}?"
    return reason


_default: Manager | None = None


def default_manager() -> Manager:
    """The manager of this process; plugins are discovered on first use."""
    global _default
    if _default is None:
        _default = Manager()
    return _default


def use_manager(manager: Manager | None) -> None:
    """Make ``manager`` the one of this process (None: discover anew on next use)."""
    global _default
    _default = manager


__all__ = ["BUILT_IN", "Manager", "default_manager", "import_target", "use_manager"]
