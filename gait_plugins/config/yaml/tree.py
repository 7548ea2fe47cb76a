"""Configuration trees: plain data before validation, and where each key was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gait_plugins.config.problems import Problem
from gait_plugins.registry.files import absolute_name, is_file_name
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
    problems: list[Problem] = field(default_factory=list)
    """What is wrong with the text, where the rest of it can be read."""
    incomplete: bool = False
    """True where a file that is inherited is not there: what is missing may be in it."""
    files: set[str] = field(default_factory=set)
    """Components of files that may be run, ``/path/my_loss.py:MyLoss``: those that a YAML file, override or
    caller asks for, and none that came from a checkpoint."""

    def copy(self) -> Tree:
        """A tree of its own with the same content."""
        noted = (list(self.warnings), list(self.problems), self.incomplete)
        return Tree(_copied(self.data), dict(self.marks), *noted, set(self.files))

    def take_files(self, folder: Path) -> None:
        """Let the components of files that are named here be run; relative paths start from ``folder``."""
        self.data = with_full_names(self.data, folder, self.files)

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
        naming = [key for key in _NAMING & names.keys() if key in old or key in unwritten]
        if any(old.get(key, unwritten.get(key)) != names[key] for key in naming):
            for known in paths_in(old, path):
                if known != path and known in self.marks:
                    self.marks[known] = replace(self.marks[known], optional=True)

    def put(self, path: KeyPath, value: Any, marks: Mapping[KeyPath, Mark]) -> None:
        """Replace what is at ``path``; ``marks`` are those of the value, as full paths."""
        holder: Any = self.data
        for key in path[:-1]:
            holder = holder[key]
        old = holder.get(path[-1]) if isinstance(holder, dict) else holder[path[-1]]
        for known in paths_in(old, path):
            self.marks.pop(known, None)
        holder[path[-1]] = value
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
    base.problems += top.problems
    base.incomplete |= top.incomplete
    base.files |= top.files
    return base


def with_full_names(value: Any, folder: Path, found: set[str], key: object = None) -> Any:
    """A value in which components of files have their full paths, each added to ``found``."""
    if isinstance(value, Mapping):
        return {name: with_full_names(item, folder, found, name) for name, item in value.items()}
    if isinstance(value, list):
        return [with_full_names(item, folder, found) for item in value]
    if key not in _NAMING or not is_file_name(value):
        return value
    full = absolute_name(value, folder)
    found.add(full)
    return full


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
            base.put(here, value, {p: top.marks[p] for p in paths_in(value, here) if p in top.marks})


def _copied(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _copied(value) for key, value in data.items()}
    return [_copied(value) for value in data] if isinstance(data, list) else data


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
    return dict.fromkeys(paths_in(data, path), Mark(place, optional=place is None))


def paths_in(data: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of a value, and of every key and list item in it.

    Marks are looked up by these: going through all marks for each value takes a large file's size squared.
    """
    open_ = [(path, data)]
    while open_:
        here, value = open_.pop()
        yield here
        if isinstance(value, dict):
            open_ += [((*here, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            open_ += [((*here, place), item) for place, item in enumerate(value)]
