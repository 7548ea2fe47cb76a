"""A new package: its names, and the components that it is to have, from templates or from a file."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from gait_plugins.authors import templates
from gait_plugins.config.options import signature
from gait_plugins.errors import ConfigError
from gait_plugins.io.folders import SPECIAL, is_special
from gait_plugins.registry.components import normalised
from gait_plugins.registry.files import FileComponent, components_in
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager
from gait_plugins.suggest import did_you_mean

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_TEMPLATES = Path(templates.__file__).parent
_RESERVED = ("tests", "test", "site", "conftest")
"""Modules that a package of its own may not be called by, although none of the library has these names."""


@dataclass(frozen=True)
class Part:
    """One component of the new package."""

    kind: str
    cls: str
    """Name of the class, and of the component."""
    module: str
    """The module in the package, without its package."""
    from_template: bool
    needs_example: bool = False
    """Whether it can only be built from its ``example_config``."""
    package: str = ""
    """Its package, where another one offers a component of this name too."""

    @property
    def name(self) -> str:
        """As a configuration names it."""
        return f"{self.package}/{self.cls}" if self.package else self.cls


@dataclass(frozen=True)
class Package:
    """A package that is to be written."""

    name: str
    """Of the distribution, ``my-gait``."""
    parts: tuple[Part, ...]
    modules: dict[str, str]
    """Module -> its text."""
    data: dict[str, str]
    """Further files of the package's folder -> their text."""

    @property
    def module(self) -> str:
        """Name by which it is imported, ``my_gait``."""
        return module_of(self.name)

    def of(self, kind: str) -> list[Part]:
        """The components of a kind."""
        return [part for part in self.parts if part.kind == kind]


def planned(name: str, kinds: Sequence[str] = (), file: Path | None = None) -> Package:
    """The package of a name with a component of each kind, and with those of a file, which is run.

    Args:
        name: of the distribution: letters, digits, ``-``, ``_`` and ``.``.
        kinds: kinds that are written from templates.
        file: a Python file with components, which becomes a module of the package.

    Raises:
        ConfigError: the name or a kind cannot be used, or the file has no component.
        PluginLoadError: the file cannot be run.
    """
    module = _checked_name(name)
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(
                f"there is no kind {kind!r}; the kinds are {', '.join(KINDS)}",
                where=f"--kind {kind}",
                hint=did_you_mean(kind, KINDS) or None,
            )
    parts, modules, data = _of_file(file) if file is not None else ([], {}, {})
    for kind in dict.fromkeys(kinds):
        if kind in modules:
            raise ConfigError(
                f"the module {kind!r} comes from {file} already",
                where=f"--kind {kind}",
                hint="rename the file",
            )
        cls = f"{camel(name)}{camel(kind)}"
        parts.append(Part(kind, cls, kind, True))
        modules[kind] = _template(kind, cls)
    if "recipe" in kinds:
        data["recipe.yaml"] = (_TEMPLATES / "training" / "recipe.yaml").read_text(encoding="utf-8")
    if module in modules:
        raise ConfigError(
            f"the package and its module would both be called {module!r}",
            where=name,
            hint="choose another name",
        )
    offers = default_manager().offers
    named = [replace(part, package=name) if offers(part.kind, part.cls) else part for part in parts]
    return Package(name, tuple(named), modules, data)


def module_of(name: str) -> str:
    """The name by which the package of a distribution is imported."""
    return re.sub(r"[-_.]+", "_", name).lower()


def camel(text: str) -> str:
    """``my-gait`` as it begins the name of a class: ``MyGait``."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", text))


def _checked_name(name: str) -> str:
    """The module's name, where distribution and module are free.

    Raises:
        ConfigError: they are not, or are no names.
    """
    module = module_of(name)
    if not _NAME.fullmatch(name) or not module.isidentifier():
        raise ConfigError(
            f"{name!r} is no name of a package: letters, digits, - and _, a letter first",
            where=name,
            hint="for example my-gait",
        )
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module in _RESERVED:
        raise ConfigError(
            f"the module {module!r} would hide one of Python's own", where=name, hint="choose another name"
        )
    for distribution in distributions():
        taken = str(distribution.metadata["Name"] or "")
        if taken and normalised(taken) == normalised(name):
            raise ConfigError(
                f"the package {taken} {distribution.version} is installed already",
                where=name,
                hint="choose another name, or pip uninstall it first",
            )
    found = importlib.util.find_spec(module)
    if found is not None:
        place = found.origin or ", ".join(found.submodule_search_locations or [])
        raise ConfigError(
            f"the module {module!r} can be imported already, from {place}",
            where=name,
            hint="choose another name",
        )
    return module


def _template(kind: str, cls: str) -> str:
    [path] = _TEMPLATES.glob(f"*/{kind}.py")
    return path.read_text(encoding="utf-8").replace(f"Example{camel(kind)}", cls)


def _of_file(file: Path) -> tuple[list[Part], dict[str, str], dict[str, str]]:
    """The components of a file, its text as a module, and what its recipes need beside it."""
    if is_special(file):
        raise ConfigError(f"{SPECIAL}, expected a Python file", where=str(file))
    if file.suffix != ".py":
        raise ConfigError(
            "this is no Python file",
            where=str(file),
            hint="give the file that defines the component: --from ./my_loss.py",
        )
    found = components_in(file)
    if not found:
        raise ConfigError(
            "the file has no component: no class with a base class of gait_plugins",
            where=str(file),
            hint="derive a class from gait_plugins.Loss, for example",
        )
    stem = re.sub(r"\W", "_", file.stem).lower()
    usable = stem.isidentifier() and not keyword.iskeyword(stem) and not stem.startswith("__")
    module = stem if usable else "components"
    parts = [Part(c.kind, str(c.target), module, False, _needs_example(c)) for c in found]
    data = {}
    for component in found:
        if component.kind == "recipe":
            recipe: Any = component.load()
            if recipe.path().is_file():
                data[recipe.file] = recipe.path().read_text(encoding="utf-8")
    try:
        text = found[0].source_text.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the file is not UTF-8 text: {error}", where=str(file), hint="save it as UTF-8"
        ) from error
    return parts, {module: text}, data


def _needs_example(component: FileComponent) -> bool:
    """Whether a class cannot be made without arguments."""
    cls = component.load()
    if signature.uses_from_config(cls):
        return True
    return any(param.required for param in signature.of_class(cls).params.values())
