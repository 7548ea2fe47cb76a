"""Shape of a configuration: which sections there are, and whether each can be looked into."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from gait_plugins.config.check.checker import Checker
from gait_plugins.config.check.messages import shown
from gait_plugins.config.check.resolving import TOP
from gait_plugins.config.problems import Problem
from gait_plugins.config.yaml.defaults import default_tree
from gait_plugins.config.yaml.tree import KeyPath, Tree, marked, merge, paths_in
from gait_plugins.suggest import nearest


class Shape(NamedTuple):
    """What is wrong with the sections as such."""

    problems: list[Problem]
    broken: frozenset[str]
    """Sections that cannot be looked into."""


def check_shape(tree: Tree, listed: Collection[str] = ()) -> Shape:
    """Unknown sections, and sections that are not a mapping (for losses, or a list of them).

    The content of a misspelt section is taken for that of the one that was meant: it is looked at too.

    Args:
        tree: what was read.
        listed: sections that may be lists of mappings too.
    """
    checker = Checker(tree)
    unknown: list[Any] = [name for name in tree.data if name not in TOP]
    for name in unknown:
        hint = checker.meant(str(name), TOP)
        checker.report(f"unknown section; the sections are {', '.join(TOP)}", (name,), hint)
        _take_as_meant(tree, name)
    broken: set[str] = set()
    usual = default_tree()
    for name, value in tree.data.items():
        path: KeyPath = (name,)
        before = len(checker.problems)
        if name in ("loss_cfg", *listed) and isinstance(value, list):
            meant = "a loss term" if name == "loss_cfg" else f"each of {name}"
            for i, item in enumerate(value):
                if not isinstance(item, dict):
                    checker.report(f"expected a mapping for {meant}, got {shown(item)}", (*path, i))
        elif name.endswith("_cfg") and not isinstance(value, dict if name in usual.data else dict | None):
            checker.report(f"expected a mapping, got {shown(value)}", path)
        elif not name.endswith("_cfg"):
            checker.value(value, TOP[name].annotation, path)
        broken |= {name} if len(checker.problems) > before else set()
    for name in broken:  # others may look into it
        del tree.data[name]
        if name in usual.data:
            tree.put((name,), usual.data[name], marked(usual.data[name], None, (name,)))
    return Shape([*tree.problems, *checker.problems], frozenset(broken))


def _take_as_meant(tree: Tree, name: Any) -> None:
    """Move what is in a misspelt section over the one that was meant."""
    value = tree.data.pop(name)
    marks = {path: tree.marks.pop(path) for path in paths_in(value, (name,)) if path in tree.marks}
    meant = next(iter(nearest(str(name), TOP, 1)), "")
    if meant and isinstance(value, dict | list):
        merge(tree, Tree({meant: value}, {(meant, *path[1:]): mark for path, mark in marks.items()}))
