"""Commands that plugins add to the command line: name, package, and the function to import when called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gait_plugins.errors import PluginLoadError
from gait_plugins.registry.components import Owner, function_of

HOOK = "gait_commands"
_WORD = re.compile(r"[a-z][a-z0-9-]*")
_MOST_WORDS = 2


@dataclass(frozen=True)
class Command:
    """A command of one package."""

    words: tuple[str, ...]
    """As it is typed after ``gait-plugins``: a group and a name, or a name alone."""
    target: str
    """``module:function``; the function's parameters are the command's arguments and options, as in typer."""
    help: str
    """One line."""
    owner: Owner

    @property
    def name(self) -> str:
        """As it is typed: ``runs retention``."""
        return " ".join(self.words)

    @property
    def qualified(self) -> str:
        """The last word with its package before it, which always names this command alone."""
        return f"{self.owner.distribution}/{self.words[-1]}"

    def load(self) -> Callable[..., Any]:
        """Import the function.

        Raises:
            PluginLoadError: the import fails, or the target is no function.
        """
        return function_of(self.target, self.owner, f"the command {self.name!r}", inspect.isroutine)


def commands_from(value: object, owner: Owner) -> list[Command]:
    """The commands that a ``gait_commands`` hook has returned.

    Raises:
        PluginLoadError: the value has another shape than ``{"group name": ("module:function", "help")}``.
    """
    if not isinstance(value, Mapping):
        raise _bad_value(owner, value)
    found = []
    for name, offered in value.items():
        words = tuple(name.split()) if isinstance(name, str) else ()
        named = 0 < len(words) <= _MOST_WORDS and all(_WORD.fullmatch(word) for word in words)
        if not named or not _is_pair(offered):
            raise _bad_value(owner, {name: offered})
        found.append(Command(words, offered[0], offered[1], owner))
    return found


def _is_pair(offered: object) -> bool:
    if not isinstance(offered, tuple) or len(offered) != 2 or not all(isinstance(x, str) for x in offered):
        return False
    target, line = offered
    return all(target.partition(":")) and "\n" not in line and bool(line.strip())


def _bad_value(owner: Owner, value: object) -> PluginLoadError:
    return PluginLoadError(
        f"{HOOK} of {owner.module} ({owner}) returned {value!r}, expected a mapping "
        'of one or two words in lower case -> ("module:function", "one line of help")'
    )
