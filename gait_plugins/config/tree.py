"""A configuration before it is understood: plain data, and where each key of it was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]
"""Keys and list positions from the top: ``("loss_cfg", 0, "margin")``."""


@dataclass(frozen=True)
class Mark:
    """Where a key was written."""

    place: str
    """``file.yaml:12``, or the override as it was typed."""
    default: bool = False
    """True where nobody wrote it: it may be left out where a component does not know it."""


@dataclass
class Tree:
    """Plain nested data with a mark for every key and list item."""

    data: dict[str, Any]
    marks: dict[Path, Mark] = field(default_factory=dict)

    def mark(self, path: Path) -> Mark | None:
        """The mark of ``path``, or of what it lies in."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
        return None

    def where(self, path: Path) -> str | None:
        """The place of ``path`` for an error message."""
        mark = self.mark(path)
        if mark is None or mark.default:
            return None
        return mark.place

    def is_default(self, path: Path) -> bool:
        """True where the very key comes from the defaults."""
        mark = self.marks.get(path)
        return mark is not None and mark.default

    def put(self, path: Path, value: Any, marks: Mapping[Path, Mark]) -> None:
        """Replace what is at ``path``; ``marks`` are those of the value, as full paths."""
        holder: Any = self.data
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        for old in [known for known in self.marks if known[: len(path)] == path]:
            del self.marks[old]
        self.marks.update(marks)


def merge(base: Tree, top: Tree) -> Tree:
    """``top`` over ``base``: mappings key by key, everything else replaced (lists too).

    Both keep the marks of the file that they come from. ``base`` is changed and returned.
    """
    _merge(base, top, ())
    if () in top.marks:
        base.marks[()] = top.marks[()]
    return base


def _merge(base: Tree, top: Tree, path: Path) -> None:
    below, above = at(base.data, path), at(top.data, path)
    for key, value in above.items():
        here = (*path, key)
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            base.marks[here] = top.marks.get(here, base.marks.get(here, Mark("")))
            _merge(base, top, here)
        elif value is None and not path and isinstance(below.get(key), dict | list):
            base.marks[here] = top.marks[here]  # a section left empty says nothing
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


def marked(data: Any, place: str, *, default: bool = False, path: Path = ()) -> dict[Path, Mark]:
    """Marks of one place for a value and everything in it."""
    marks = {path: Mark(place, default)}
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(data, dict):
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for key, value in items:
        marks |= marked(value, place, default=default, path=(*path, key))
    return marks
