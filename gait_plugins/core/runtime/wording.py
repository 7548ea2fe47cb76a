"""Words of errors: they speak of options on the command line, and of arguments where Python calls."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from gait_plugins.errors import GaitPluginsError

_COMMAND: ContextVar[bool] = ContextVar("on the command line", default=False)
_GO_ON: ContextVar[str | None] = ContextVar("the command that goes on", default=None)
_WORDS = re.compile(
    r"(?P<command>gait-plugins [^;:,)]*)"  # a command to be typed keeps its options
    r"|(?<![\w-])-o (?P<override>[\w.]+=\S+)"
    r"|(?<![\w-])--(?P<option>[a-z][a-z-]*)"
    r"(?: (?P<value>[A-Z][A-Z\d]*\b|[^\s,;:()]*[/.\d][^\s,;:()]*|[^\s-]\S*(?= --| cannot)))?"
)
P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def on_command_line() -> Iterator[None]:
    """Within it, errors of functions speak of options."""
    before = _COMMAND.set(True)
    try:
        yield
    finally:
        _COMMAND.reset(before)


@contextmanager
def goes_on_by(command: str) -> Iterator[None]:
    """Within it, whoever interrupts a training is told this command."""
    before = _GO_ON.set(command)
    try:
        yield
    finally:
        _GO_ON.reset(before)


def how_to_go_on(call: str) -> str:
    """The command that goes on with an interrupted training; ``call`` where Python calls."""
    return _GO_ON.get() or call


def in_arguments(**others: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function's errors, which speak of options, speak of its arguments where Python calls it.

    ``--resume`` becomes ``resume=True``, ``--init-from FILE`` becomes ``init_from=FILE``, and
    ``-o key=value`` becomes ``overrides=['key=value']``. Options that are no argument stay.

    Args:
        others: option -> argument, where they are called differently.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function).parameters
        options = {name.replace("_", "-"): name for name in parameters} | others
        switches = {name for name, each in parameters.items() if isinstance(each.default, bool)}

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except GaitPluginsError as error:
                if not _COMMAND.get():
                    _retell(error, options, switches)
                raise

        return call

    return decorate


def _retell(error: GaitPluginsError, options: Mapping[str, str], switches: set[str]) -> None:
    def told(found: re.Match[str]) -> str:
        if found["command"]:
            return found[0]
        if found["override"]:
            return f"overrides=[{found['override']!r}]" if "overrides" in options else found[0]
        name, value = options.get(found["option"]), found["value"]
        if name is None:
            return found[0]
        if name in switches:
            return f"{name}=True" + (f" {value}" if value else "")
        if not value:
            return name
        return f"{name}={value if value.isupper() or value.lstrip('-').isdigit() else repr(value)}"

    error.message = _WORDS.sub(told, error.message)
    error.hint = error.hint and _WORDS.sub(told, error.hint)
    if error.where and error.where.startswith("-o ") and "overrides" in options:
        error.where = f"overrides=[{error.where.removeprefix('-o ')!r}]"
