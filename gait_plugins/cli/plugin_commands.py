"""Commands of plugins in the groups of the command line: listed with their package, imported when called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from gait_plugins.errors import ComponentConflict
from gait_plugins.io.printable import printable
from gait_plugins.registry.commands import Command
from gait_plugins.registry.components import import_target
from gait_plugins.registry.manager import default_manager
from gait_plugins.suggest import did_you_mean


class OpenGroup(TyperGroup):
    """A group of commands to which every installed package may add its own.

    A command of this program is never replaced: a plugin's command of the same name is reached with its
    package before it (``runs acme-gait/compare``), and so are two commands of one name from two packages.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """This program's commands, then those of plugins."""
        own = super().list_commands(ctx)
        path = _path(ctx)
        return [*own, *sorted(_spellings(_offered(path), len(path), self.commands))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name; one of a plugin is not imported yet."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return read_plainly(own)
        path = _path(ctx)
        here = _offered(path)
        found = _spellings(here, len(path), self.commands).get(cmd_name)
        if found is not None:
            return found
        clash = [command for command in here if command.words == (*path, cmd_name)]
        return _Clash(clash) if clash else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As typer's, with plugins' commands among the suggestions and failed plugins named."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            lines = [f"No such command {args[0]!r}."]
            meant = did_you_mean(args[0], self.list_commands(ctx))
            lines += [meant[0].upper() + meant[1:]] if meant else []
            lines += [
                f"{failure.owner} may offer it, but failed to load: gait-plugins plugins check"
                for failure in default_manager().failures
            ]
            ctx.fail(" ".join(lines))
        return super().resolve_command(ctx, args)


class OwnCommands(dict[str, Any]):
    """Commands of this program by name; each is imported when it is asked for.

    Args:
        told: name -> ``module:attr`` of its function, or of its group's ``typer.Typer`` with the help.
    """

    def __init__(self, told: Mapping[str, tuple[str, str | None]]) -> None:
        super().__init__(dict.fromkeys(told))
        self._told = told

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if found is None:
            target, line = self._told[name]
            found = self[name] = _built(name, import_target(target), line)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """The command of this name, imported; ``default`` where there is none."""
        return self[name] if name in self else default  # noqa: SIM401  (dict's own imports nothing)


def _built(name: str, offered: Any, line: str | None) -> Any:
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    if isinstance(offered, typer.Typer):
        holder.add_typer(offered, name=name, help=line)
    else:
        holder.command(name)(offered)
    return typer.main.get_group(holder).commands[name]


def read_plainly(command: Any) -> Any:
    """Let a command read options that are not given, and plain texts, without pydantic.

    typer asks pydantic for every value, and importing that takes as long as all else that lists the plugins.
    """
    if not isinstance(command.get_params, _PlainParams):
        command.get_params = _PlainParams(command.get_params)
    return command


class _PlainParams:
    """The parameters of one command, ``--help`` too, each with :class:`_Plainly`."""

    def __init__(self, params: Callable[[Any], list[Any]]) -> None:
        self._params = params

    def __call__(self, ctx: Any) -> list[Any]:
        found = self._params(ctx)
        for option in found:
            slow = getattr(option, "get_runtime_param", None)  # of typer, since it asks pydantic
            if slow is not None and not isinstance(slow, _Plainly):
                option.get_runtime_param = _Plainly(option, slow)
        return found


class _Plainly:
    """What converts the values of one option: itself where nothing is to be done, else typer's own."""

    def __init__(self, option: Any, slow: Callable[[], Any]) -> None:
        info = getattr(option, "type_descriptor", None)
        given = getattr(info, "parameter_info", None)
        self._is_text = getattr(info, "annotation", None) is str and getattr(given, "parser", "") is None
        self._slow = slow

    def __call__(self) -> _Plainly:
        return self

    def coerce(self, value: Any, *, param: Any, ctx: Any) -> Any:
        """The value as the command gets it."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        one = not (param.multiple or param.nargs == -1)
        if one and self._is_text and isinstance(value, str) and value.isascii():
            return value
        return self._slow().coerce(value, param=param, ctx=ctx)


class _Lazy(TyperCommand):
    """A plugin's command that is imported when it is called."""

    def __init__(self, name: str, command: Command) -> None:
        line = printable(f"{command.help} ({command.owner})")
        super().__init__(name=name, callback=None, help=line, short_help=line)
        self._command = command

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the command and let it read its arguments."""
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(self.name, epilog=f"A command of {self._command.owner}.")(self._command.load())
        return typer.main.get_command(app).make_context(info_name, args, parent=parent, **extra)


class _Clash(TyperCommand):
    """A name that two packages offer: calling it says how to name each."""

    def __init__(self, commands: list[Command]) -> None:
        super().__init__(name=commands[0].words[-1], callback=None, hidden=True)
        self._commands = commands

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Refuse.

        Raises:
            ComponentConflict: always.
        """
        group = " ".join(self._commands[0].words[:-1])
        owners = "\n".join(f"  {command.owner}: {command.target}" for command in self._commands)
        spellings = " or ".join(" ".join(filter(None, (group, c.qualified))) for c in self._commands)
        raise ComponentConflict(
            f"{len(self._commands)} packages offer a command {self._commands[0].name!r}:\n{owners}",
            hint=f"gait-plugins {spellings}",
        )


def _path(ctx: Any) -> tuple[str, ...]:
    """The words that lead to the group of a context, without the program's name."""
    names: list[str] = []
    while ctx.parent is not None:
        # A group is known by its own name even where it is typed with its package before it.
        names.append(str(ctx.info_name).rpartition("/")[2])
        ctx = ctx.parent
    return tuple(reversed(names))


def _offered(path: tuple[str, ...]) -> list[Command]:
    return [
        c for c in default_manager().commands() if len(c.words) > len(path) and c.words[: len(path)] == path
    ]


def _spellings(commands: list[Command], depth: int, own: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> command or group, for the group at this depth.

    A name that this program has, or that several packages offer, is there only with its package before it.
    """
    found: dict[str, Any] = {}
    leaves = [command for command in commands if len(command.words) == depth + 1]
    for command in leaves:
        word = command.words[depth]
        alone = word not in own and sum(other.words == command.words for other in leaves) == 1
        name = word if alone else command.qualified
        found[name] = _Lazy(name, command)
    for command in commands:
        word = command.words[depth]
        if len(command.words) == depth + 1 or isinstance(own.get(word), OpenGroup):
            continue
        taken = word in own or any(leaf.words[depth] == word for leaf in leaves)
        name = f"{command.owner.distribution}/{word}" if taken else word
        owners = ", ".join(sorted({str(c.owner) for c in commands if c.words[depth] == word}))
        found[name] = OpenGroup(name=name, help=f"Commands of {owners}.", no_args_is_help=True)
    return found
