"""Components as the manager knows them: the package, the class, and how to import it."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, requires
from typing import Any, TypeGuard

from gait_plugins.errors import PluginLoadError
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.process import process_kept

BUILT_IN = "gait-plugins-trackletgait"


@dataclass(frozen=True, order=True)
class Owner:
    """The package that a plugin comes from."""

    distribution: str
    """Name of the distribution, as ``pip list`` shows it."""
    version: str
    entry_point: str
    """Name of the entry point in the group ``gait_plugins``."""
    module: str
    """The manifest module."""

    @property
    def is_built_in(self) -> bool:
        """True for this package itself."""
        return self.distribution == BUILT_IN

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Failure:
    """A plugin that could not be loaded: what it was, and why."""

    owner: Owner
    reason: str
    error: BaseException | None = None


@dataclass(frozen=True)
class Component:
    """A named component of one package."""

    kind: str
    name: str
    """With the name of the code that the plugin fronts before a slash, where it fronts some."""
    target: str | type
    owner: Owner
    source: str = ""
    """The code outside the package that it is made from, with its version."""
    missing: str = ""
    """Why it cannot be used here; empty where it can."""

    @property
    def qualified(self) -> str:
        """The spelling that names its package too; always unambiguous."""
        return f"{self.owner.distribution}/{self.name}"

    @property
    def spelling(self) -> str:
        """What the commands that explain components know it by."""
        return self.name

    def written(self, name: str) -> str:
        """What a configuration is to hold where the component is called by ``name``: just that."""
        return name

    def called(self, name: str) -> str:
        """What messages call it where a configuration says ``name``: just that."""
        return name

    @property
    def origin(self) -> str:
        """``module:attr`` of the class."""
        if isinstance(self.target, str):
            return self.target
        return f"{self.target.__module__}:{self.target.__qualname__}"

    def is_called(self, name: str) -> bool:
        """True for the component's own and its qualified name; case counts only after the last slash."""
        return _folded(name) in (_folded(self.name), _folded(self.qualified))

    def provenance(self) -> dict[str, str]:
        """Where the component comes from, as plain data."""
        found = {
            "distribution": self.owner.distribution,
            "version": self.owner.version,
            "target": self.origin,
        }
        return {**found, "source": self.source} if self.source else found

    def load(self) -> type:
        """Import the class and check that it is of its kind.

        Raises:
            PluginLoadError: a requirement is missing, the import fails, or the result is not a class of
                this kind.
        """
        if self.missing:
            raise PluginLoadError(
                f"{self.kind} {self.name!r} is not available here: it {self.missing}",
                where=f"{self.origin} ({self.owner})",
                hint="gait-plugins plugins list shows the available components, and what the others need",
            )
        loaded = self._import() if isinstance(self.target, str) else self.target
        # A backbone may be any network; the marker class only serves annotations.
        base = "torch.nn:Module" if self.kind == "backbone" else KINDS[self.kind].base
        required: type = import_target(base)
        if not inspect.isclass(loaded) or not issubclass(loaded, required):
            raise PluginLoadError(
                f"{self.kind} {self.name!r} is {loaded!r}, expected a subclass of {base.replace(':', '.')}",
                where=f"{self.origin} ({self.owner})",
            )
        return loaded

    def _import(self) -> Any:
        try:
            return import_of(str(self.target), self.owner)
        except (Exception, SystemExit) as error:
            raise PluginLoadError(
                f"{self.kind} {self.name!r} cannot be imported: {import_failure(error, self.owner)}",
                where=f"{self.origin} ({self.owner})",
                hint=(
                    f"the fault lies in {self.source}: repair it, or do not use this name"
                    if self.source
                    else f"repair or reinstall {self.owner.distribution}, or do not use this name"
                ),
            ) from error


def import_target(target: str) -> Any:
    """The object that ``module:attr`` names."""
    module, _, attribute = target.partition(":")
    value: Any = importlib.import_module(module)
    for part in attribute.split("."):
        value = getattr(value, part)
    return value


def import_of(target: str, owner: Owner) -> Any:
    """The object that ``module:attr`` of a plugin names; its import changes nothing of the process."""
    if owner.is_built_in or target.partition(":")[0] in sys.modules:
        return import_target(target)
    with process_kept(str(owner), "when it was imported"):
        return import_target(target)


def function_of(target: str, owner: Owner, what: str, fits: Callable[[Any], bool]) -> Callable[..., Any]:
    """The function that ``module:function`` of a plugin names.

    Args:
        target: it.
        owner: whose it is.
        what: it is for, for the message: ``the command 'runs retention'``.
        fits: whether what is found is such a function.

    Raises:
        PluginLoadError: the import fails, or the target is no function.
    """
    where = f"{target} ({owner})"
    try:
        loaded = import_of(target, owner)
    except (Exception, SystemExit) as error:
        raise PluginLoadError(
            f"{what} cannot be imported: {import_failure(error, owner)}",
            where=where,
            hint=f"repair or reinstall {owner.distribution}",
        ) from error
    if not fits(loaded):
        raise PluginLoadError(f"{what} is {loaded!r}, expected a function", where=where)
    function: Callable[..., Any] = loaded
    return function


def is_missing_module(error: BaseException) -> TypeGuard[ModuleNotFoundError]:
    """True for the import of a module that does not exist."""
    return isinstance(error, ModuleNotFoundError) and error.name is not None


def import_failure(error: BaseException, owner: Owner) -> str:
    """A failed import in words, with the way to get a missing module."""
    text = f"{type(error).__name__}: {error}"
    if not is_missing_module(error):
        return text
    module = str(error.name).partition(".")[0]
    if module == owner.module.partition(".")[0]:
        return f"{text}; {owner.distribution} is not completely installed"
    extra = _extra_with(module, owner)
    source = (
        f"pip install '{owner.distribution}[{extra}]'"
        if extra
        else f"install the package that contains {module}"
    )
    return f"{text}; {source}"


def _extra_with(module: str, owner: Owner) -> str | None:
    try:
        requirements = requires(owner.distribution) or []
    except PackageNotFoundError:  # a plugin of this process, of no installed package
        return None
    for requirement in requirements:
        found = re.match(r"([\w.-]+).*;.*\bextra\s*==\s*['\"]([\w.-]+)", requirement)
        if found and normalised(found[1]) == normalised(module):
            return found[2]
    return None


@lru_cache(maxsize=1024)
def normalised(distribution: str) -> str:
    """A distribution's name with case and separators made equal (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _folded(name: str) -> str:
    """A spelling with the packages before its last slash made equal."""
    packages, slash, bare = name.rpartition("/")
    return f"{normalised(packages)}{slash}{bare}"


def same_origin(a: object, b: object) -> bool:
    """Whether two records of :meth:`Component.provenance` are of the same code.

    A class that only lies in another module of the same version of its package is the same.
    """
    return _unplaced(a) == _unplaced(b)


def _unplaced(record: object) -> object:
    if not isinstance(record, Mapping):
        return record
    kept = {key: value for key, value in record.items() if key != "file"}  # it may have been moved
    return {**kept, "target": str(record.get("target")).rpartition(":")[2]}
