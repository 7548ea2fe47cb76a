"""Configuration trees: plain data before validation, and where each key was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gait_plugins.config.problems import Problem
from gait_plugins.registry.kinds import KINDS, Kind

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top: ``("loss_cfg", 0, "margin")``."""


_NAMING = frozenset({kind.key for kind in KINDS.values()} | {"solver", "scheduler"})


@dataclass(frozen=True)
class Mark:
    """Where a key was written."""

    place: str | None
    """``file.yaml:12``, the override as it was typed, or None for a default."""
    optional: bool = False
    """True where it may be left out if the component does not know it: a default, or an option that
    was written for another component, whose name was then replaced."""


@dataclass
class Tree:
    """Plain nested data with a mark for every key and list item."""

    data: dict[str, Any]
    marks: dict[KeyPath, Mark] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    """What was odd in the text, but has one meaning only."""

    def mark(self, path: KeyPath) -> Mark | None:
        """The mark of ``path``, or of what it lies in."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
        return None

    def where(self, path: KeyPath) -> str | None:
        """The place of ``path`` for an error message."""
        mark = self.mark(path)
        return None if mark is None else mark.place

    def is_default(self, path: KeyPath) -> bool:
        """True where the very key comes from the defaults."""
        return path in self.marks and self.marks[path].place is None

    def is_optional(self, path: KeyPath) -> bool:
        """True where the very key may be left out."""
        return path in self.marks and self.marks[path].optional

    def rename(self, path: KeyPath, names: Mapping[Any, Any]) -> None:
        """See whether ``names`` gives the mapping at ``path`` another component.

        If it does, the options that were written for the old one become optional.
        """
        old = at(self.data, path)
        unwritten = {kind.key: kind.default for kind in KINDS.values() if _holds(path, kind)}
        named = {**unwritten, **old}
        if any(key in named and named[key] != names[key] for key in _NAMING & names.keys()):
            for known, mark in self.marks.items():
                if len(known) > len(path) and known[: len(path)] == path:
                    self.marks[known] = replace(mark, optional=True)

    def put(self, path: KeyPath, value: Any, marks: Mapping[KeyPath, Mark]) -> None:
        """Replace what is at ``path``; ``marks`` are those of the value, as full paths."""
        holder: Any = self.data
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        for old in [known for known in self.marks if known[: len(path)] == path]:
            del self.marks[old]
        self.marks.update(marks)


def _holds(path: KeyPath, kind: Kind) -> bool:
    """True where a mapping that names no component of this kind means the kind's default."""
    section = {"dataset": "data_cfg", "frame_sampler": "sampler"}.get(kind.name)
    return section is not None and path[-1:] == (section,)


def merge(base: Tree, top: Tree) -> Tree:
    """``top`` over ``base``: mappings key by key, everything else replaced (lists too).

    Both keep the marks of the file that they come from. ``base`` is changed and returned.
    """
    _merge(base, top, ())
    if () in top.marks:
        base.marks[()] = top.marks[()]
    base.warnings += top.warnings
    return base


def _merge(base: Tree, top: Tree, path: KeyPath) -> None:
    below, above = at(base.data, path), at(top.data, path)
    base.rename(path, above)
    for key, value in above.items():
        here = (*path, key)
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            base.marks[here] = top.marks.get(here, base.marks.get(here, Mark(None)))
            _merge(base, top, here)
        elif value is None and not path and isinstance(below.get(key), dict | list):
            continue  # a section left empty says nothing
        else:
            base.put(here, value, {p: m for p, m in top.marks.items() if p[: len(here)] == here})


def at(data: Any, path: Iterable[str | int]) -> Any:
    """The value at a path that exists."""
    for key in path:
        data = data[key]
    return data


def dotted(path: Iterable[str | int]) -> str:
    """A path as it is written on the command line: ``loss_cfg.0.margin``."""
    return ".".join(str(key) for key in path)


def marked(data: Any, place: str | None, path: KeyPath = ()) -> dict[KeyPath, Mark]:
    """Marks of one place for a value and everything in it; None is the place of defaults."""
    marks = {path: Mark(place, optional=place is None)}
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(data, dict):
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for key, value in items:
        marks |= marked(value, place, (*path, key))
    return marks
