"""Source of the checkout's modules: their classes and imports; nothing is run."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from gait_plugins.errors import UpstreamMismatch
from upstream_patches.checkout.tree import MODULES

IN_PIECES = ("modeling.models", "modeling.backbones", "modeling.losses")
"""Packages that import all of their modules; here each is imported alone, when it is asked for."""


class Outline(NamedTuple):
    """A class without what it does: syntax trees are large, and a listing is soon read."""

    name: str
    bases: tuple[str, ...]
    """Without their modules."""
    methods: frozenset[str]
    """Those that it defines itself."""


class _Read(NamedTuple):
    digest: str
    classes: dict[str, Outline]
    imports: frozenset[str]
    modules: frozenset[str]


@dataclass(frozen=True)
class Source:
    """One module.

    Args:
        name: dotted, as OpenGait imports it: ``modeling.models.gaitset``.
        file: where it lies.
    """

    name: str
    file: Path

    @property
    def digest(self) -> str:
        """The first twelve hex digits of the file's sha256."""
        return self._read.digest

    @property
    def classes(self) -> Mapping[str, Outline]:
        """The classes at its top level."""
        return self._read.classes

    @property
    def imports(self) -> frozenset[str]:
        """Dotted names of all that it imports when it is imported; of the checkout or of a package.

        What stands in a function is not, nor what the module can do without.
        """
        return self._read.imports

    @property
    def modules(self) -> frozenset[str]:
        """Those of ``imports`` that must be modules or packages, not names in one."""
        return self._read.modules

    @property
    def words(self) -> set[str]:
        """Every text in the module."""
        return words_of(self._parsed(self.file.read_bytes()))

    def tree_of(self, name: str) -> ast.ClassDef:
        """The whole of one of its classes."""
        nodes = self._parsed(self.file.read_bytes()).body
        return next(node for node in nodes if isinstance(node, ast.ClassDef) and node.name == name)

    @cached_property
    def _read(self) -> _Read:
        content = self.file.read_bytes()
        body = self._parsed(content).body
        classes = {node.name: _outlined(node) for node in body if isinstance(node, ast.ClassDef)}
        nodes = list(_at_import(body))
        imports = frozenset(name for node in nodes for name in self._named(node))
        modules = frozenset(name for node in nodes for name in self._from(node))
        return _Read(hashlib.sha256(content).hexdigest()[:12], classes, imports, modules)

    def _parsed(self, content: bytes) -> ast.Module:
        try:
            return ast.parse(content)
        except (SyntaxError, ValueError) as error:
            raise UpstreamMismatch(f"the file cannot be read: {error}", where=str(self.file)) from error

    def _named(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        for module in self._from(node):
            yield module
            if isinstance(node, ast.ImportFrom) and module.partition(".")[0] in MODULES:
                # Either a name in the module, or a module of its own.
                yield from (f"{module}.{alias.name}" for alias in node.names)

    def _from(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            return
        module = node.module or ""
        if node.level:
            package = self.name.split(".") + ["module"] * (self.file.name == "__init__.py")
            parent = package[: -node.level]
            module = ".".join([*parent, *filter(None, [module])])
        yield module


def _outlined(node: ast.ClassDef) -> Outline:
    bases = tuple(
        base.id if isinstance(base, ast.Name) else base.attr
        for base in node.bases
        if isinstance(base, ast.Name | ast.Attribute)
    )
    methods = frozenset(item.name for item in node.body if isinstance(item, ast.FunctionDef))
    return Outline(node.name, bases, methods)


def settings_read(node: ast.ClassDef) -> set[tuple[str, str]]:
    """Section and key of each ``cfgs["section"]["key"]`` in the class."""
    found = set()
    for inner in ast.walk(node):
        match inner:
            case ast.Subscript(
                value=ast.Subscript(
                    value=ast.Name(id="cfgs") | ast.Attribute(attr="cfgs"),
                    slice=ast.Constant(value=str() as section),
                ),
                slice=ast.Constant(value=str() as key),
            ):
                found.add((section, key))
    return found


def path_to(node: ast.ClassDef, key: str) -> str | None:
    """``model_cfg.Backbone.in_channels`` where the class reads ``model_cfg["Backbone"]["in_channels"]``."""
    for inner in ast.walk(node):
        keys, part = [], inner
        while isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant):
            keys.append(str(part.slice.value))
            part = part.value
        name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
        if keys and keys[0] == key and name.endswith("cfg"):
            return ".".join([name, *reversed(keys)])
    return None


def calls_base(node: ast.ClassDef, method: str) -> bool:
    """Whether the class calls ``super().method(...)`` somewhere."""
    found = (inner for inner in ast.walk(node) if isinstance(inner, ast.Attribute) and inner.attr == method)
    return any(
        isinstance(inner.value, ast.Call)
        and isinstance(inner.value.func, ast.Name)
        and inner.value.func.id == "super"
        for inner in found
    )


def words_of(node: ast.AST) -> set[str]:
    """Every text in a class or module: whatever option it reads by name is among them."""
    return {
        inner.value
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    }


def _at_import(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If):
            main = "__main__" in ast.dump(node.test) or "TYPE_CHECKING" in ast.dump(node.test)
            yield from () if main else _at_import(node.body)
            yield from _at_import(node.orelse)
        elif isinstance(node, ast.With | ast.ClassDef):
            yield from _at_import(node.body)
