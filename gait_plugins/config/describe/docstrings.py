"""Summary and option descriptions from docstrings."""

from __future__ import annotations

import inspect
import re

_ENTRY = re.compile(r"^(\*{0,2}\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")


def summary(cls: type) -> str:
    """The first paragraph of a class's own docstring, in one line."""
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    return " ".join(text.split("\n\n")[0].split())


def option_docs(cls: type) -> dict[str, str]:
    """Option -> description, from the ``Args`` of the class, its bases, constructor and ``from_config``."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] in ("builtins", "torch"):
            continue
        members = base.__dict__
        for holder in (base, members.get("__init__"), getattr(members.get("from_config"), "__func__", None)):
            found |= arguments(getattr(holder, "__doc__", None) or "")
    return found


def arguments(docstring: str) -> dict[str, str]:
    """The entries of a docstring's ``Args:`` section; continued lines are joined."""
    lines = iter(inspect.cleandoc(docstring).splitlines())
    if not any(line.strip() in ("Args:", "Arguments:") for line in lines):
        return {}
    found: dict[str, str] = {}
    name, margin = "", 0
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() and not indent:
            break
        entry = _ENTRY.match(line.strip())
        if entry and (not found or indent <= margin):
            name, margin = entry[1].lstrip("*"), indent
            found[name] = entry[2]
        elif name and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found
