"""YAML reader: text to plain data, with the line of every key; nothing but plain data can come out."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer

from gait_plugins.config.problems import Problem, raise_problems
from gait_plugins.config.yaml.tree import KeyPath, Mark, Tree, paths_in
from gait_plugins.errors import ConfigError

_DEEPEST = 100
"""Levels of lists and mappings: far beyond any configuration too, and within what Python can go through."""
_MOST_NODES = 200_000
"""Far beyond any configuration; aliases of aliases can ask for billions."""


class _Loader(yaml.SafeLoader):
    """YAML's safe types, and ``1e-3`` is a number as in every other language."""


def _by_libyaml() -> type[yaml.SafeLoader]:
    """The same by libyaml, several times faster; PyYAML's own where it was built without.

    Nodes are put together by PyYAML: what is nested too deeply for libyaml's own composer ends the process.
    """
    library: Any = getattr(yaml, "CSafeLoader", None)
    if library is None:
        return _Loader

    class Loader(Composer, library):  # type: ignore[misc]
        def __init__(self, stream: str) -> None:
            Composer.__init__(self)
            library.__init__(self, stream)

    return Loader


_FastLoader = _by_libyaml()
for _kind in (_Loader, _FastLoader):
    _kind.yaml_implicit_resolvers = {
        first: list(rules) for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
    )


def parse_value(text: str) -> Any:
    """A YAML value without its marks, as in ``-o key=value``.

    Raises:
        ConfigError: the text is not YAML, or gives a key two values.
    """
    value, walk = _walk(text, "value")
    raise_problems(walk.problems, "value")
    return value


def read_file(file: Path, name: str) -> Tree:
    """A YAML file as a tree; its places read ``name:line``.

    Raises:
        ConfigError: the file cannot be read, is not YAML or holds no mapping. A key with two values is among
            the tree's problems.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the configuration cannot be read: {error.strerror}",
            where=name,
            hint="check that the file exists and that you may read it",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the configuration cannot be read: the file is not UTF-8 text: {error}",
            where=name,
            hint="give a YAML file that is saved as UTF-8",
        ) from error
    return read_text(text, name)


def read_text(text: str, name: str) -> Tree:
    """YAML text as a tree; see :func:`read_file`."""
    return _known(text, name).copy()


@lru_cache(maxsize=256)
def _known(text: str, name: str) -> Tree:
    """The tree of a text, nobody's to change: what many configurations inherit is parsed once."""
    data, walk = _walk(text, name)
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(
            f"a configuration must be a mapping of sections, found a {type(data).__name__}", where=f"{name}:1"
        )
    return Tree(data, walk.marks, walk.warnings, walk.problems)


def _walk(text: str, name: str) -> tuple[Any, _Walk]:
    try:
        loader, node = _nodes(text)
        walk = _Walk(loader, name)
        value = None if node is None else walk.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = name if mark is None else f"{name}:{mark.line + 1}"
        hint = "indent with spaces, not with tabs" if "'\\t'" in str(error.problem) else None
        raise ConfigError(f"the text is not valid YAML: {_words(error)}", where=where, hint=hint) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"the text is not valid YAML: {error}", where=name) from error
    except RecursionError as error:
        raise ConfigError("lists or mappings are nested too deeply", where=name) from error
    return value, walk


def _nodes(text: str) -> tuple[yaml.SafeLoader, yaml.Node | None]:
    """The nodes of a text; what libyaml refuses is read anew, for the words of PyYAML."""
    try:
        fast: yaml.SafeLoader = _FastLoader(text)
        return fast, fast.get_single_node()
    except (yaml.YAMLError, ValueError):
        loader = _Loader(text)
        return loader, loader.get_single_node()


def _words(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part)


class _Walk:
    """Turns nodes into values and notes the line of each."""

    def __init__(self, loader: yaml.SafeLoader, name: str) -> None:
        self.loader = loader
        self.name = name
        self.marks: dict[KeyPath, Mark] = {}
        self.warnings: list[Problem] = []
        self.problems: list[Problem] = []
        self.count = 0
        self.inside: set[int] = set()
        self.flat: set[int] = set()

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.count += 1
        if id(node) in self.inside or self.count > _MOST_NODES:
            raise ConfigError(
                f"YAML aliases make this configuration endless, or larger than {_MOST_NODES} values",
                where=self.place(node),
                hint="write the values out in place of the alias",
            )
        if len(path) > _DEEPEST:
            raise ConfigError(
                f"lists or mappings are nested too deeply, more than {_DEEPEST} levels",
                where=self.place(node),
            )
        self.marks.setdefault(path, Mark(self.place(node)))
        if isinstance(node, yaml.ScalarNode):
            return self.loader.construct_object(node)
        if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise ConfigError(
                f"the YAML tag {node.tag} is not accepted", where=self.place(node), hint="remove the tag"
            )
        self.inside.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path)
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        finally:
            self.inside.discard(id(node))

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[Any, Any]:
        if id(node) not in self.flat:  # an aliased mapping comes by more than once
            self.flat.add(id(node))
            self.check_duplicates(node, path)
            self.loader.flatten_mapping(node)  # `<<: *anchor`; keys written here come last and win
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node)
            here = (*path, key)
            if key in result:
                for old in paths_in(result[key], here):
                    self.marks.pop(old, None)
            self.marks[here] = Mark(self.place(key_node))
            result[key] = self.value(value_node, here)
        return result

    def check_duplicates(self, node: yaml.MappingNode, path: KeyPath) -> None:
        """Note a key that is written twice: with different values a problem, with the same a warning."""
        seen: dict[tuple[str, str], tuple[yaml.Node, yaml.Node]] = {}
        for key_node, value_node in node.value:
            if not self.is_plain(key_node):
                continue
            pair = (key_node, value_node)
            first_key, first_value = seen.setdefault((key_node.tag, key_node.value), pair)
            if first_key is key_node:
                continue
            text = f"the key {key_node.value!r} is written twice, first in line {_line(first_key)}"
            where = self.place(key_node)
            # Their marks are of no use: the mapping is walked once more, and notes those that count.
            if not _same(self.value(first_value, path), self.value(value_node, path)):
                self.problems.append(Problem(text, where, "keep one of the two"))
                continue
            self.warnings.append(Problem(f"{text}, with the same value", where, "keep one of the two"))

    def key(self, node: yaml.Node) -> str | int:
        key = self.loader.construct_object(node) if self.is_plain(node) else None
        if not isinstance(key, str | int) or isinstance(key, bool):
            raise ConfigError(
                f"a key must be text, found {key!r}", where=self.place(node), hint="put the key in quotes"
            )
        return key

    @staticmethod
    def is_plain(node: yaml.Node) -> bool:
        return isinstance(node, yaml.ScalarNode)

    def place(self, node: yaml.Node) -> str:
        return f"{self.name}:{_line(node)}"


def _same(one: Any, other: Any) -> bool:
    """True where both values are the same; 1 and true are equal, but not the same."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1
