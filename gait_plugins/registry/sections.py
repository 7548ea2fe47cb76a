"""Sections that plugins add to the report of runs: name, package, and the function to import for a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gait_plugins.errors import PluginLoadError
from gait_plugins.registry.components import Owner, function_of

HOOK = "gait_report_sections"
_NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class NamedSection:
    """A section of one package."""

    name: str
    """Lower-case letters, digits and ``-``: its anchor on the page."""
    target: str
    """``module:function``, of a function from ``ReportMaterial`` to ``ReportSection`` or None."""
    owner: Owner

    def load(self) -> Callable[..., Any]:
        """Import the function.

        Raises:
            PluginLoadError: the import fails, or the target cannot be called.
        """
        return function_of(self.target, self.owner, f"the report section {self.name!r}", callable)


def sections_from(value: object, owner: Owner) -> list[NamedSection]:
    """The sections that a ``gait_report_sections`` hook has returned.

    Raises:
        PluginLoadError: the value has another shape than ``{"name": "module:function"}``.
    """
    if not isinstance(value, Mapping):
        raise _bad_value(owner, value)
    for name, target in value.items():
        named = isinstance(name, str) and _NAME.fullmatch(name)
        if not named or not isinstance(target, str) or not all(target.partition(":")):
            raise _bad_value(owner, {name: target})
    return [NamedSection(name, target, owner) for name, target in value.items()]


def _bad_value(owner: Owner, value: object) -> PluginLoadError:
    return PluginLoadError(
        f"{HOOK} of {owner.module} ({owner}) returned {value!r}, expected a mapping of names in lower case "
        '-> "module:function"'
    )
