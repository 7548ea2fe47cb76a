"""Data that OpenGait's own evaluators can score: read from their source, before any work."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gait_plugins.errors import ConfigError
from gait_plugins.registry.manager import default_manager
from upstream_patches.checkout.tree import Checkout

MODULE = "evaluation.evaluator"
ASKED = "dataset"
"""The parameter by which an evaluator is told the name of the test data."""


@dataclass
class Rule:
    """What an evaluator asks of the data."""

    names: list[set[str]] = field(default_factory=list)
    """The name of the test data must be in each of them."""
    types: list[dict[str, set[str]]] = field(default_factory=list)
    """Name -> types, of which some must be there: those of the gallery, those of the probes."""

    def known(self) -> set[str] | None:
        """The names that it can score; None where it asks for none."""
        return set.intersection(*self.names) if self.names else None


def check_scorable(checkout: Checkout, evaluator_cfg: Mapping[str, Any], data_cfg: Mapping[str, Any]) -> None:
    """Raise where an evaluator of the checkout has no rule for the test data, or finds nothing in it.

    Raises:
        ConfigError: it would end the test after all sequences are embedded.
    """
    name = str(evaluator_cfg.get("eval_func", "identification"))
    rule = _Reader(checkout, evaluator_cfg).rule(name)
    dataset = str(data_cfg.get("test_dataset_name", data_cfg.get("dataset_name")))
    known = rule.known()
    if known is not None and dataset not in known:
        raise ConfigError(
            f"OpenGait's {name} has no rule for the data set {dataset!r}, only for "
            f"{', '.join(sorted(known))}",
            where="evaluator_cfg.eval_func",
            hint=f"set data_cfg.test_dataset_name to the one whose naming the sequences follow{_ours(name)}",
        )
    there = _types(data_cfg)
    for types in (each[dataset] for each in rule.types if dataset in each):
        if there and types and not any(asked in kind for asked in types for kind in there):
            raise ConfigError(
                f"OpenGait's {name} compares sequences of the types {_some(types)} of {dataset}; the test "
                f"set has none of them: it has {_some(there)}",
                where="evaluator_cfg.eval_func",
                hint=f"check data_cfg.test_dataset_name{_ours(name)}",
            )


def _ours(name: str) -> str:
    offered = [c for c in default_manager().components("protocol") if c.name == name]
    listed = " or ".join(f"eval_func: {component.qualified}" for component in offered)
    return f", or name this package's, whose options say what is compared: {listed}" if listed else ""


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:6]) + ", ..." * (len(listed) > 6)


def _types(data_cfg: Mapping[str, Any]) -> set[str]:
    """The types of the test identities, by the names of their folders."""
    root, listed = data_cfg.get("dataset_root"), data_cfg.get("dataset_partition")
    if not isinstance(root, str) or not isinstance(listed, str):
        return set()
    labels = json.loads(Path(listed).read_text(encoding="utf-8")).get("TEST_SET") or []
    folders = (Path(root, str(label)) for label in labels)
    return {name for folder in folders if folder.is_dir() for name in os.listdir(folder)}


class _Reader:
    """Reads functions of the checkout's evaluators, with the options that they will get."""

    def __init__(self, checkout: Checkout, options: Mapping[str, Any]) -> None:
        tree = ast.parse(checkout.file(MODULE).read_text(encoding="utf-8"))
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self.options = options

    def rule(self, name: str, above: frozenset[str] = frozenset()) -> Rule:
        """What a function, and those that it always calls with the name, ask of it."""
        found = Rule()
        function = self.functions.get(name)
        if function is None or name in above:
            return found
        tables = _tables(function)
        for node in self._always(function.body):
            match node:
                case ast.Subscript(value=ast.Name(id=table), slice=ast.Name(id="dataset")) if table in tables:
                    found.names.append(set(tables[table]))
                    found.types.append(tables[table])
                case ast.Call(func=ast.Name(id=other), args=arguments) if _passes(arguments):
                    inner = self.rule(other, above | {name})
                    found.names += inner.names
                    found.types += inner.types
        found.names += _allowed(function)
        return found

    def _always(self, body: list[ast.stmt]) -> Iterator[ast.AST]:
        """The nodes of the statements that are run with these options; not what hangs on anything else."""
        for statement in body:
            if isinstance(statement, ast.If):
                yield from self._always(self._branch(statement))
            elif isinstance(statement, ast.For | ast.With):
                head = [statement.iter] if isinstance(statement, ast.For) else []
                yield from (node for part in head for node in ast.walk(part))
                yield from self._always(statement.body)
            elif not isinstance(statement, ast.FunctionDef | ast.Try | ast.While):
                yield from ast.walk(statement)

    def _branch(self, statement: ast.If) -> list[ast.stmt]:
        if not isinstance(statement.test, ast.Name):
            return []
        return statement.body if self.options.get(statement.test.id) else statement.orelse


def _passes(arguments: list[ast.expr]) -> bool:
    return any(isinstance(argument, ast.Name) and argument.id == ASKED for argument in arguments)


def _tables(function: ast.FunctionDef) -> dict[str, dict[str, set[str]]]:
    """Variable -> name of a data set -> types, of the mappings that the function writes out."""
    found = {}
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as value):
                try:
                    written = ast.literal_eval(value)
                except ValueError:
                    continue
                found[name] = {str(key): set(_texts(item)) for key, item in written.items()}
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for item in value.values() for text in _texts(item))
    elif isinstance(value, list | tuple | set):
        yield from (text for item in value for text in _texts(item))


def _allowed(function: ast.FunctionDef) -> Iterator[set[str]]:
    """The names in ``dataset not in (...)``, after which every evaluator gives up."""
    for node in ast.walk(function):
        match node:
            case ast.Compare(left=ast.Name(id="dataset"), ops=[ast.NotIn()], comparators=[names]):
                try:
                    yield set(_texts(ast.literal_eval(names)))
                except ValueError:
                    continue
