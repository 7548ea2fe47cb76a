"""Checker: values against annotations, structure by structure; collects what does not fit."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple, get_origin

import typing_extensions
from pydantic import ValidationError

from gait_plugins.config.check.messages import accepted, mismatch, quoting_hint
from gait_plugins.config.class_count import uncounted
from gait_plugins.config.options import annotations as ann
from gait_plugins.config.options import signature
from gait_plugins.config.options.signature import Param, Signature
from gait_plugins.config.plain import to_plain
from gait_plugins.config.problems import SHOWN, Problem
from gait_plugins.config.specs import ComponentSpec, Structure, Uncounted, holds_components
from gait_plugins.config.yaml.tree import KeyPath, Tree, dotted
from gait_plugins.errors import ConfigError, GaitPluginsError, PluginLoadError
from gait_plugins.registry.components import Component
from gait_plugins.registry.files import file_component, is_file_name
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager
from gait_plugins.suggest import did_you_mean, nearest

log = logging.getLogger("gait_plugins")

_UNKNOWN_SHOWN = 20
"""Unknown options of one mapping that are reported one by one; the others are counted."""


class Checked(NamedTuple):
    """A value twice: as plain data for the run folder, and as the constructor takes it."""

    plain: Any
    value: Any


@dataclasses.dataclass(frozen=True)
class OptionOwner:
    """The component or section whose options are checked, for messages."""

    title: str
    """``TripletLoss_HardEx (acme-gait 1.2)`` or ``trainer_cfg``."""
    explain: str
    """What ``config explain`` calls it."""
    others: Mapping[str, Param] = dataclasses.field(default_factory=dict)
    """Keys of the same mapping that others read; named in suggestions."""
    ignored: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Keys that have no effect although people write them -> why."""
    naming: tuple[str, ...] = ()
    """Keys of the same mapping that name components; they too may be meant by a misspelt one."""


class Notes:
    """Collects problems and warnings about what is at a path."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.sound: list[ComponentSpec] = []
        """Components whose options are all accepted."""
        self._left: list[KeyPath] = []
        self._inside = 0

    @property
    def has_said_enough(self) -> bool:
        """True where no further problem will be spelt out: suggestions for it would be looked up in vain."""
        return len(self.problems) >= SHOWN

    def meant(self, name: str, candidates: Iterable[str]) -> str | None:
        """A hint at the candidate that a misspelt name may have meant."""
        return None if self.has_said_enough else did_you_mean(name, candidates) or None

    def report(
        self, message: str, path: KeyPath, hint: str | None = None, cause: GaitPluginsError | None = None
    ) -> None:
        """Note a problem at a path."""
        self.problems.append(self._at(path, message, hint, cause))

    def warn(self, message: str, path: KeyPath, hint: str | None = None) -> None:
        """Note a harmless oddity at a path."""
        self.warnings.append(self._at(path, message, hint))

    def _at(
        self, path: KeyPath, message: str, hint: str | None, cause: GaitPluginsError | None = None
    ) -> Problem:
        where = self.tree.where(path)
        key = dotted(path)
        # An override is its own place and already names the key.
        named = not path or (where or "").startswith(f"-o {key}=")
        return Problem(message if named else f"{key}: {message}", where, hint, cause)


class Checker(Notes):
    """Reads a tree; :attr:`problems` and :attr:`warnings` grow, nothing is raised."""

    # --- mappings ------------------------------------------------------------------------------

    def options(
        self, given: Mapping[Any, Any], accepts: Signature, path: KeyPath, owner: OptionOwner
    ) -> Checked:
        """Check each option; defaults that the owner does not take are left out silently.

        Options that it ignores are left out with a warning.
        """
        plain: dict[str, Any] = {}
        values: dict[str, Any] = {}
        unknown: list[KeyPath] = []
        for key, value in given.items():
            here = (*path, key)
            if key in accepts.params:
                checked = self._option(value, accepts.params[key], here)
            elif accepts.open and key not in owner.ignored:
                checked = Checked(to_plain(value), value)
            else:
                unknown.append(here)
                continue
            if checked is not None:
                plain[key], values[key] = checked
        self._left += [p for p in unknown if self.tree.is_optional(p) and not self.tree.is_default(p)]
        if not self._inside:
            self._tell_left_out(path, owner)
        self._unknown([p for p in unknown if not self._left_out(p, owner)], accepts, owner)
        demanded = () if self.tree.incomplete else accepts.params.values()
        for param in demanded:
            if param.required and (param.name not in given or self._dropped(param.name, plain, path)):
                self.report(
                    f"{owner.title} needs the option {param.name!r} ({ann.type_text(param.annotation)})",
                    path,
                    hint=f"gait-plugins config explain {owner.explain}",
                )
        return Checked(plain, values)

    def _left_out(self, path: KeyPath, owner: OptionOwner) -> bool:
        if self.tree.is_optional(path):
            return True
        reason = owner.ignored.get(str(path[-1]))
        if reason is not None:
            self.warn(f"has no effect; {reason}", path, "remove the line")
        return reason is not None

    def _tell_left_out(self, path: KeyPath, owner: OptionOwner) -> None:
        """One line for all options that were written for another component, and are left out."""
        left, self._left = self._left, []
        if left:
            names = ", ".join(dotted(each[len(path) :]) for each in left)
            files = dict.fromkeys((self.tree.where(each) or "").partition(":")[0] for each in left)
            said = "%s: %s left out of %s: %s has no such options"
            log.info(said, ", ".join(files), names, dotted(path), owner.title)

    def _dropped(self, name: str, plain: Mapping[str, Any], path: KeyPath) -> bool:
        return name not in plain and self.tree.is_default((*path, name))

    def _option(self, value: Any, param: Param, path: KeyPath) -> Checked | None:
        before = len(self.problems)
        checked = self.value(value, param.annotation, path)
        if len(self.problems) == before:
            return checked
        if self.tree.is_default(path):
            del self.problems[before:]  # a default, not written; the component has its own
        return None

    def _unknown(self, paths: list[KeyPath], accepts: Signature, owner: OptionOwner) -> None:
        options = {**owner.others, **accepts.params}
        shown = paths[:_UNKNOWN_SHOWN]
        for i, path in enumerate(shown):
            text = f"{owner.title} has no option {path[-1]!r}"
            if i == len(shown) - 1:  # once is enough
                text += f"\n{accepted(options)}"
            self.report(text, path, self.meant(str(path[-1]), (*options, *owner.naming)))
        if len(paths) > len(shown):
            rest = len(paths) - len(shown)
            self.report(f"{owner.title} has none of {rest} further options that are written here", path[:-1])

    # --- values --------------------------------------------------------------------------------

    def value(self, value: Any, annotation: Any, path: KeyPath) -> Checked:
        """Check one value against one annotation."""
        if value == ann.AUTO and ann.counts_classes(annotation):
            return Checked(value, Uncounted(dotted(path)))
        kind = ann.kind_of(ann.bare(annotation))
        if ann.is_anything(ann.bare(annotation)):
            return Checked(to_plain(value), value)
        if not ann.has_structure(annotation):
            return self._leaf(value, annotation, path)
        annotation = ann.bare(annotation)
        if ann.is_class(annotation) and isinstance(value, _plain_base(annotation)):
            return Checked(to_plain(value), value)  # an instance, handed in from Python
        if kind:
            spec = self.component(kind, value, path)
            return Checked(spec.mapping(), spec) if spec else Checked(None, None)
        if ann.is_structure(annotation):
            return self._structure(value, annotation, path)
        if len(ann.arms(annotation)) > 1:
            return self._union(value, ann.arms(annotation), path)
        return self._container(value, annotation, path)

    def component(
        self,
        kind: str,
        value: Any,
        path: KeyPath,
        others: Mapping[str, Param] = MappingProxyType({}),
        shared: Mapping[str, Any] = MappingProxyType({}),
    ) -> ComponentSpec | None:
        """Look a component up, import its class and check its options.

        Args:
            others: see ``OptionOwner.others``.
            shared: keys of its section that it is given too if it has an option of that name.
        """
        found = self.named(kind, value, path)
        if found is None:
            return None
        component, cls = found
        key = KINDS[kind].key
        accepts = signature.of_component(cls)
        options = {name: item for name, item in value.items() if name != key}
        options |= {name: item for name, item in shared.items() if name in accepts.params}
        title = f"{component.name} ({component.owner})"
        owner = OptionOwner(title, component.spelling, others, signature.ignored_options(cls), (key,))
        before = len(self.problems)
        with self._within(path, owner):
            checked = self.options(options, accepts, path, owner)
        if len(self.problems) == before and not uncounted(checked.value) and not self.tree.incomplete:
            self._ask(cls, checked.plain, path, title)
        name = component.called(value.get(key, KINDS[kind].default))
        spec = ComponentSpec(kind, name, checked.plain, self.place(kind, path), component, checked.value)
        self.sound += [spec] if len(self.problems) == before else []
        return spec

    @contextmanager
    def _within(self, path: KeyPath, owner: OptionOwner) -> Iterator[None]:
        """A component, with all that is nested in it: what is left out of it is told in one line."""
        self._inside += 1
        yield
        self._inside -= 1
        if not self._inside:
            self._tell_left_out(path, owner)

    def _ask(self, cls: type, options: dict[str, Any], path: KeyPath, title: str) -> None:
        """Let the component check its options together, where it defines ``check_options``."""
        check = getattr(cls, "check_options", None)
        if check is None:
            return
        try:
            check(**options)
        except ConfigError as error:
            self.report(f"{title} {error.message}", path, error.hint, error)

    def named(self, kind: str, value: Any, path: KeyPath) -> tuple[Component, type] | None:
        """The component that a mapping names, and its class."""
        key, fallback = KINDS[kind].key, KINDS[kind].default
        if not isinstance(value, Mapping):
            self.report(f"expected a mapping with the key {key!r} for a {kind}, got {mismatch(value)}", path)
            return None
        name = value.get(key, fallback)
        here = (*path, key) if key in value else path
        if key not in value and name is None and self.tree.incomplete:
            return None
        if not isinstance(name, str):
            said = f"got {mismatch(name)}" if key in value else "but the key is missing"
            near = [] if key in value or self.has_said_enough else nearest(key, map(str, value), 1)
            meant = f"did you mean {key!r} by {near[0]!r}? " if near else ""
            self.report(
                f"the key {key!r} must name a {kind}, {said}",
                here,
                f"{meant}gait-plugins plugins list --kind {kind}",
            )
            return None
        if self.has_said_enough and not default_manager().offers(kind, name):
            self.report(f"no installed package offers a {kind} called {name!r}", here)
            return None
        if is_file_name(name) and name not in self.tree.files:
            self.report(
                f"{name!r} is a component of a file, which is not run: it is not known who wrote this name",
                here,
                "name it in a YAML file or by -o; from Python, load_config(..., folder=FOLDER)",
            )
            return None
        try:
            component = (
                file_component(kind, name) if is_file_name(name) else default_manager().find(kind, name)
            )
            return component, component.load()
        except GaitPluginsError as error:
            message = (
                f"{error.where}: {error.message}" if isinstance(error, PluginLoadError) else error.message
            )
            self.report(message, here, error.hint, error)
            return None

    def place(self, kind: str, path: KeyPath) -> str | None:
        """Where a component's name is written."""
        return self.tree.where((*path, KINDS[kind].key))

    def _leaf(self, value: Any, annotation: Any, path: KeyPath) -> Checked:
        try:
            valid = ann.validate(annotation, value)
        except ValidationError as error:
            found = [e for e in error.errors() if "loc" in e]
            inner = found[0]["loc"] if len(found) == 1 else ()
            deepest = (*path, *inner)
            place = deepest if deepest in self.tree.marks else path
            hint = quoting_hint(error, dotted(path), self.tree.where(place))
            self.report(mismatch(value, annotation, error), place, hint)
            return Checked(None, None)
        return Checked(to_plain(valid), valid)

    def _structure(self, value: Any, cls: type, path: KeyPath) -> Checked:
        accepts = signature.of_structure(cls)
        if not isinstance(value, Mapping):
            names = ", ".join(accepts.params)
            self.report(f"expected a mapping of {names}, got {mismatch(value)}", path)
            return Checked(None, None)
        before = len(self.problems)
        owner = OptionOwner(dotted(path), dotted(path[:1]))
        plain, values = self.options(value, accepts, path, owner)
        structure = Structure(cls, values)
        if len(self.problems) == before:
            self._try(structure, path)
        return Checked(plain, structure)

    def _try(self, structure: Structure, path: KeyPath) -> None:
        """Let a dataclass check its values, unless components, or numbers to be counted, are among them."""
        if holds_components(structure) or uncounted(structure):
            return
        try:
            structure.build()
        except (ValueError, TypeError) as error:
            self.report(str(error), path)
        except ConfigError as error:
            self.report(error.message, path, error.hint, error)

    def _union(self, value: Any, alternatives: tuple[Any, ...], path: KeyPath) -> Checked:
        """The first alternative that fits; else the complaints of the one nearest to the value's shape."""
        attempts = []
        for annotation in sorted(alternatives, key=lambda a: not _shaped(a, value)):
            before = len(self.problems)
            checked = self.value(value, annotation, path)
            if len(self.problems) == before:
                return checked
            attempts.append(self.problems[before:])
            del self.problems[before:]
        self.problems += attempts[0]
        return Checked(None, None)

    def _container(self, value: Any, annotation: Any, path: KeyPath) -> Checked:
        item, inner = ann.item_type(annotation), ann.value_type(annotation)
        if item is not None and isinstance(value, list | tuple):
            checked = [self.value(v, item, (*path, i)) for i, v in enumerate(value)]
            make: Callable[..., Any] = tuple if get_origin(annotation) is tuple else list
            return Checked([c.plain for c in checked], make(c.value for c in checked))
        if inner is not None and isinstance(value, Mapping):
            pairs = {key: self.value(v, inner, (*path, key)) for key, v in value.items()}
            return Checked({k: c.plain for k, c in pairs.items()}, {k: c.value for k, c in pairs.items()})
        self.report(mismatch(value, annotation), path)
        return Checked(None, None)


def _plain_base(annotation: type) -> type | tuple[()]:
    """The class that an instance of the annotation has; a TypedDict has no instances of its own."""
    return () if typing_extensions.is_typeddict(annotation) else annotation


def _shaped(annotation: Any, value: Any) -> bool:
    annotation = ann.bare(annotation)
    if annotation is type(None):
        return value is None
    if isinstance(value, Mapping):
        structured = bool(ann.kind_of(annotation)) or ann.is_structure(annotation)
        return structured or ann.value_type(annotation) is not None
    return isinstance(value, list | tuple) and ann.item_type(annotation) is not None
