"""Plugin manager: finds plugins, looks up their components, and reports conflicts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from importlib.metadata import EntryPoint

import pluggy

from gait_plugins import hookspecs
from gait_plugins.errors import ComponentConflict, PluginLoadError, UnknownComponent
from gait_plugins.hookspecs import PROJECT
from gait_plugins.registry.admission import HOOKS, admit
from gait_plugins.registry.commands import HOOK as COMMANDS
from gait_plugins.registry.commands import Command
from gait_plugins.registry.components import (
    BUILT_IN,
    Component,
    Failure,
    Owner,
    import_failure,
    import_target,
    normalised,
)
from gait_plugins.registry.discovery import allow_list, discover, is_allowed
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.lifecycle import Lifecycle
from gait_plugins.registry.process import process_kept
from gait_plugins.registry.published import HOOK as CHECKPOINTS
from gait_plugins.registry.published import NamedCheckpoint
from gait_plugins.registry.sections import HOOK as SECTIONS
from gait_plugins.registry.sections import NamedSection
from gait_plugins.registry.works import HOOK as WORKS
from gait_plugins.registry.works import NamedWork, works_told
from gait_plugins.suggest import did_you_mean, nearest

log = logging.getLogger("gait_plugins")


class Manager:
    """All plugins of this environment.

    Args:
        allow: distributions or entry points to load beside the built-ins; None means all. The
            comma-separated ``GAIT_PLUGINS_LOAD`` narrows it further (empty: built-ins only).
    """

    def __init__(self, allow: Iterable[str] | None = None) -> None:
        allowed = allow_list(allow)
        self.allow = None if allowed is None else sorted(allowed)
        self.owners: list[Owner] = []
        self.failures: list[Failure] = []
        self._components: list[Component] = []
        self._commands: list[Command] = []
        self._checkpoints: list[NamedCheckpoint] = []
        self._sections: list[NamedSection] = []
        self._hooks = pluggy.PluginManager(PROJECT)
        self._hooks.add_hookspecs(hookspecs)
        self._owner_of: dict[int, Owner] = {}
        self._warned = False
        self._found: dict[tuple[str | None, str], tuple[Component, ...]] = {}
        found = discover()
        self.leftovers = found.leftovers
        self.failures += [failure for failure in found.failures if is_allowed(failure.owner, allowed)]
        for owner, entry_point in found.plugins:
            if is_allowed(owner, allowed):
                self._load(owner, entry_point)

    @cached_property
    def lifecycle(self) -> Lifecycle:
        """The life-cycle hooks of the loaded plugins."""
        return Lifecycle(self._hooks, lambda plugin: str(self._owner_of.get(id(plugin), "this program")))

    def components(self, kind: str | None = None) -> list[Component]:
        """All components, or those of one kind, by kind and name; nothing is imported."""
        order = list(KINDS)
        if kind is not None and kind not in order:
            raise UnknownComponent(
                f"unknown component kind {kind!r}; the kinds are {', '.join(order)}",
                hint=did_you_mean(kind, order) or None,
            )
        found = [c for c in self._components if kind in (None, c.kind)]
        return sorted(found, key=lambda c: (order.index(c.kind), c.name.lower(), c.owner))

    def commands(self) -> list[Command]:
        """The commands that plugins add, by name and package; nothing is imported."""
        return sorted(self._commands, key=lambda c: (c.words, c.owner))

    def checkpoints(self) -> list[NamedCheckpoint]:
        """The published checkpoints that plugins tell of, by name and package; nothing is fetched."""
        return sorted(self._checkpoints, key=lambda c: (c.name.lower(), c.owner))

    def report_sections(self) -> list[NamedSection]:
        """The sections that plugins add to a report: those of the built-ins first."""
        return sorted(self._sections, key=lambda s: (not s.owner.is_built_in, s.owner))

    def checkpoints_called(self, name: str) -> list[NamedCheckpoint]:
        """The published checkpoints of a bare or qualified name, by package."""
        return [c for c in self.checkpoints() if c.is_called(name)]

    def works(self, distribution: str | None = None) -> list[NamedWork]:
        """The published works that plugins tell of, by name and package; the plugins are asked each time.

        Args:
            distribution: ask the plugins of this package alone.

        Raises:
            PluginLoadError: a plugin raises, or returns something else than works.
        """
        told = getattr(self._hooks.hook, WORKS).get_hookimpls()
        owned = [(self._owner_of.get(id(each.plugin)), each.function) for each in told]
        found = [
            work
            for owner, tell in owned
            if owner and distribution in (None, owner.distribution)
            for work in works_told(tell, owner)
        ]
        return sorted(found, key=lambda work: (work.name.lower(), work.owner))

    def listeners(self) -> dict[Owner, list[str]]:
        """The life-cycle hooks that each plugin implements."""
        found: dict[Owner, list[str]] = {}
        contributions = {COMMANDS, CHECKPOINTS, SECTIONS, WORKS, *(kind.hook for kind in KINDS.values())}
        for hook in (h for h in HOOKS if h not in contributions):
            for implementation in getattr(self._hooks.hook, hook).get_hookimpls():
                owner = self._owner_of.get(id(implementation.plugin))
                if owner is not None:  # a run's own monitors are no plugins
                    found.setdefault(owner, []).append(hook)
        return found

    def search(self, name: str, kind: str | None = None) -> list[Component]:
        """Every component of a bare or qualified name, of one kind or all; of several packages too.

        Raises:
            UnknownComponent: no package offers the name, or the kind is unknown; the message holds the
                nearest names.
            PluginLoadError: the name is qualified by a package that failed to load.
        """
        found = self._called(kind, name)
        if found:
            return list(found)
        for failure in self.failures:
            if "/" in name and normalised(failure.owner.distribution) == normalised(name.partition("/")[0]):
                raise PluginLoadError(
                    f"{name!r} is not available: its package failed to load: {failure.reason}",
                    where=f"{failure.owner.module} ({failure.owner})",
                    hint="gait-plugins plugins check lists all failures",
                ) from failure.error
        raise self._unknown(name, kind)

    def offers(self, kind: str, name: str) -> bool:
        """True where some package offers a component of this kind under a bare or qualified name."""
        return bool(self._called(kind, name))

    def find(self, kind: str, name: str) -> Component:
        """The one component of a bare or qualified name; raises as :meth:`search` does.

        Raises:
            ComponentConflict: several packages offer it; the message holds the qualified spellings.
        """
        found = self.search(name, kind)
        if len(found) > 1:
            raise _conflict(kind, name, found)
        return found[0]

    def get(self, kind: str, name: str) -> type:
        """Import and return the class of a component; see :meth:`find`."""
        return self.find(kind, name).load()

    def warn_of_failures(self) -> None:
        """Log one warning that names every plugin that could not be loaded; a second call says nothing."""
        if self._warned or not self.failures:
            return
        self._warned = True
        lines = [f"  {f.owner} ({f.owner.module}): {f.reason.partition(chr(10))[0]}" for f in self.failures]
        said = "these plugins could not be loaded, and their components cannot be used:\n%s\n  -> %s"
        log.warning(said, "\n".join(lines), "gait-plugins plugins check says more")

    def register(self, plugin: object, *, distribution: str, version: str = "0") -> Owner:
        """Add a plugin object of this process (a notebook, a test) as if a package had offered it.

        Raises:
            PluginLoadError: it breaks the hook contract.
        """
        module = getattr(plugin, "__name__", type(plugin).__qualname__)
        owner = Owner(distribution, version, module, module)
        self._register(owner, plugin)
        return owner

    def _called(self, kind: str | None, name: str) -> tuple[Component, ...]:
        # A configuration may name one component a thousand times.
        if (kind, name) not in self._found:
            self._found[kind, name] = tuple(c for c in self.components(kind) if c.is_called(name))
        return self._found[kind, name]

    def _load(self, owner: Owner, entry_point: EntryPoint) -> None:
        try:
            with _kept(owner):
                self._register(owner, entry_point.load())
        except PluginLoadError as error:
            self.failures.append(Failure(owner, error.message, error))
        except (Exception, SystemExit) as error:
            # Whatever a stranger's module raises must not stop the others; it is raised on demand.
            self.failures.append(Failure(owner, import_failure(error, owner), error))

    def _register(self, owner: Owner, plugin: object) -> None:
        added = admit(self._hooks, owner, plugin)
        package = normalised(owner.distribution)
        own = {(c.kind, c.name) for c in self._components if normalised(c.owner.distribution) == package}
        twice = [f"{c.kind} {c.name!r}" for c in added.components if (c.kind, c.name) in own]
        known = {c.words for c in self._commands if normalised(c.owner.distribution) == package}
        twice += [f"the command {c.name!r}" for c in added.commands if c.words in known]
        names = {c.name for c in self._checkpoints if normalised(c.owner.distribution) == package}
        twice += [f"the checkpoint {c.name!r}" for c in added.checkpoints if c.name in names]
        shown = {s.name for s in self._sections if normalised(s.owner.distribution) == package}
        twice += [f"the report section {s.name!r}" for s in added.sections if s.name in shown]
        if twice:
            self._hooks.unregister(plugin)
            raise PluginLoadError(f"another plugin of {owner} already offers {', '.join(twice)}")
        self.owners.append(owner)
        self._owner_of[id(plugin)] = owner
        self._components.extend(added.components)
        self._found.clear()
        self._commands.extend(added.commands)
        self._checkpoints.extend(added.checkpoints)
        self._sections.extend(added.sections)

    def absent(self) -> dict[str, str]:
        """Code that plugins front and that is not here -> their advice."""
        offered = {_front(component.name) for component in self._components}
        fronts = (getattr(plugin, "fronts", {}) for plugin in self._hooks.get_plugins())
        return {name: advice for each in fronts for name, advice in each.items() if name not in offered}

    def _advice(self, name: str) -> list[str]:
        """Advice of plugins on names of the code that they front, where that code is not installed."""
        front = _front(name)
        if not front or front in {_front(component.name) for component in self._components}:
            return []
        said = (getattr(plugin, "fronts", {}).get(front) for plugin in self._hooks.get_plugins())
        return [f"  {front}/...: {advice}" for advice in said if advice]

    def _unknown(self, name: str, kind: str | None) -> UnknownComponent:
        lines = [f"no installed package offers a {kind or 'component'} called {name!r}"]
        bare = name.rpartition("/")[2]
        same = self.components(kind)
        others = [c for c in self.components() if c not in same]
        matches = nearest(bare, map(_last, same))
        near = [c for match in matches for c in same if _last(c) == match]
        lines += [f"  did you mean {c.name!r}? ({c.kind} of {c.owner})" for c in near]
        elsewhere = nearest(bare, map(_last, others), 1, cutoff=0.8)
        lines += [f"  {c.name!r} is a {c.kind} of {c.owner}" for c in others if _last(c) in elsewhere]
        lines += self._advice(name)
        if ":" in name or name.endswith(".py"):
            lines.append(
                "  a class in a file is written ./FILE.py:CLASS; one of a module is offered by its package"
            )
        for failure in self.failures:
            lines.append(f"  {failure.owner} may offer it, but failed to load: {failure.reason}")
        if self.allow is not None:
            lines.append(
                f"  only these plugins may load beside the built-ins: {', '.join(self.allow) or 'none'}"
            )
        command = "gait-plugins plugins list" + (f" --kind {kind}" if kind else "")
        return UnknownComponent("\n".join(lines), hint=command)


def _kept(owner: Owner) -> AbstractContextManager[None]:
    """What the import of a plugin may not change; the built-ins are tried by tests of their own."""
    if owner.is_built_in:
        return nullcontext()
    return process_kept(str(owner), "when it was imported")


def _front(name: str) -> str:
    """The name of the fronted code, or of the package, that a component's name begins with."""
    return normalised(name.rpartition("/")[0].rpartition("/")[2])


def _last(component: Component) -> str:
    """Its name without that of the code that its plugin fronts."""
    return component.name.rpartition("/")[2]


def _conflict(kind: str, name: str, candidates: Sequence[Component]) -> ComponentConflict:
    owners = "\n".join(f"  {c.owner}: {c.origin}" for c in candidates)
    spellings = " or ".join(c.qualified for c in candidates)
    return ComponentConflict(
        f"{len(candidates)} packages offer a {kind} called {name!r}:\n{owners}",
        hint=f"write {KINDS[kind].key}: {spellings}",
    )


_default: Manager | None = None
_pinned: Manager | None = None


def default_manager() -> Manager:
    """The manager of this process; plugins are discovered on first use."""
    global _default
    if _pinned is not None:
        return _pinned
    if _default is None:
        _default = Manager()
    return _default


def use_manager(manager: Manager | None) -> None:
    """Make ``manager`` the one of this process (None: discover anew on next use)."""
    global _default, _pinned
    _default, _pinned = manager, None


def pin_plugins(listed: Sequence[str] | None) -> Manager:
    """Load the plugins that a configuration lists, and no others, beside the built-ins.

    It lasts until the next configuration; one that lists none (None) gets the process's own manager.
    """
    global _pinned
    wanted = None if listed is None else sorted({normalised(name) for name in listed})
    if _pinned is not None and _pinned.allow == wanted:
        return _pinned
    _pinned = None
    if listed is not None and default_manager().allow != wanted:
        _pinned = Manager(allow=listed)
    return default_manager()


__all__ = ["BUILT_IN", "Manager", "default_manager", "import_target", "pin_plugins", "use_manager"]
