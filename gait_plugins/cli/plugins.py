"""``gait-plugins plugins``: lists, shows and checks the installed components, and writes new packages."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.api.commands import out_option
from gait_plugins.cli.option_lines import option_lines
from gait_plugins.cli.plugin_commands import OpenGroup
from gait_plugins.errors import PluginLoadError
from gait_plugins.io.printable import printable, say, say_json
from gait_plugins.registry.manager import Manager, default_manager

if TYPE_CHECKING:
    from gait_plugins.registry.commands import Command
    from gait_plugins.registry.components import Component, Failure, Owner
    from gait_plugins.registry.works import NamedWork

app = typer.Typer(cls=OpenGroup, no_args_is_help=True)

KindOption = Annotated[
    str | None, typer.Option("--kind", help="Only components of this kind: model, loss, ...")
]


@app.command("list")
def list_components(
    kind: KindOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every component of every installed package, without importing it."""
    manager = default_manager()
    components = manager.components(kind)
    if as_json:
        say_json(_as_data(manager, components))
        return
    head = ("KIND", "NAME", "PACKAGE", "VERSION", "ORIGIN")
    usable = [component for component in components if not component.missing]
    rows = [(c.kind, c.name, c.owner.distribution, c.owner.version, c.origin) for c in usable]
    say(_aligned([head, *rows]))
    _print_unavailable(components, manager.absent() if kind is None else {})
    listeners = manager.listeners()
    if listeners and kind is None:
        say("\nlife-cycle hooks:")
        for owner, hooks in sorted(listeners.items()):
            say(f"  {owner} ({owner.module}): {', '.join(hooks)}")
    commands = manager.commands()
    if commands and kind is None:
        say("\ncommands:")
        say(_aligned([(f"  gait-plugins {c.name}", str(c.owner), c.target) for c in commands]))
    if manager.allow is not None:
        say(f"\nonly these plugins may load beside the built-ins: {', '.join(manager.allow) or 'none'}")
    if manager.failures:
        say("\nfailed to load:")
        say("\n".join(_failure_text(failure) for failure in manager.failures))


@app.command("show")
def show_component(
    name: Annotated[str, typer.Argument(help="Name of a component, alone or as package/Name.")],
    kind: KindOption = None,
) -> None:
    """Show a component: its package, its class and its options. FILE.py:CLASS shows a class in a file."""
    from gait_plugins.registry.files import is_file_name, of_any_kind

    found = of_any_kind(name, kind) if is_file_name(name) else default_manager().search(name, kind)
    say("\n\n".join(_description(component) for component in found))


@app.command("check")
def check_plugins() -> None:
    """Import every component of every installed package; the exit code is 2 if any fails.

    Folders of metadata that a half-failed installation left over are named too.
    """
    manager = default_manager()
    problems = [_failure_text(failure) for failure in manager.failures]
    for owner in manager.owners:
        text, errors = _loaded(manager, owner)
        problems += [textwrap.indent(str(error), "  ") for error in errors]
        say(f"{owner} ({owner.module}): {text}")
    if manager.leftovers:
        say("\nleft over, and passed over:")
        say("\n".join(textwrap.indent(str(leftover), "  ") for leftover in manager.leftovers))
    if problems:
        say("\nfailed:")
        say("\n".join(problems))
        raise typer.Exit(2)


@app.command("new")
def new_package(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the new package, for example my-gait.")
    ],
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", metavar="KIND", help="Kind of component to write: model, loss, ...; may be repeated."
        ),
    ] = None,
    folder: Annotated[Path | None, out_option("DIR", "Folder to write to; NAME if left out.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE.py", help="File whose components the package is to have."),
    ] = None,
) -> None:
    """Write a new package: components, manifest, tests, a configuration, a file for CI.

    Without --kind and --from it has a loss. The file that --from names is run.
    """
    from gait_plugins.authors.texts import HOW_TO_INSTALL, write_package

    kinds = kind or ([] if file else ["loss"])
    package, target = write_package(name, kinds, folder, file)
    parts = ", ".join(f"{part.kind} {part.cls}" for part in package.parts)
    say(f"{target} is written: {parts}\n\nnext:")
    say(f"  cd {shlex.quote(str(target))}")
    say(f"  {HOW_TO_INSTALL}")
    say("  pytest")
    say("  gait-plugins train walkers.yaml")


def _loaded(manager: Manager, owner: Owner) -> tuple[str, list[PluginLoadError]]:
    """What of a plugin loads, in words, and the errors of what does not."""
    components = [component for component in manager.components() if component.owner == owner]
    usable = [component for component in components if not component.missing]
    commands = [command for command in manager.commands() if command.owner == owner]
    parts, errors = [], []
    kinds: tuple[tuple[str, Sequence[Component | Command]], ...]
    kinds = (("components", usable), ("commands", commands))
    for title, offered in kinds:
        broken = [error for thing in offered if (error := _load_error(thing))]
        if offered:
            parts.append(f"{len(offered) - len(broken)} of {len(offered)} {title} load")
        errors += broken
    if len(components) > len(usable):
        parts.append(f"{len(components) - len(usable)} not available here")
    return ", ".join(parts) or "life-cycle hooks only", errors


def _load_error(offered: Component | Command) -> PluginLoadError | None:
    try:
        offered.load()
    except PluginLoadError as error:
        return error
    return None


def _print_unavailable(components: list[Component], absent: dict[str, str]) -> None:
    missing: list[tuple[str, ...]] = [(f"  {c.kind}", c.name, c.missing) for c in components if c.missing]
    missing += [("  any", f"{front}/...", advice) for front, advice in absent.items()]
    if missing:
        say("\nnot available here:")
        say(_aligned(missing))


def _as_data(manager: Manager, components: list[Component]) -> dict[str, object]:
    return {
        "components": [
            {
                "kind": c.kind,
                "name": c.name,
                "qualified": c.qualified,
                **c.provenance(),
                **({"missing": c.missing} if c.missing else {}),
            }
            for c in components
        ],
        "commands": [
            {
                "name": c.name,
                "help": c.help,
                "target": c.target,
                "distribution": c.owner.distribution,
                "version": c.owner.version,
            }
            for c in manager.commands()
        ],
        "listeners": [
            {"distribution": o.distribution, "version": o.version, "module": o.module, "hooks": hooks}
            for o, hooks in sorted(manager.listeners().items())
        ],
        "failures": [
            {
                "distribution": failure.owner.distribution,
                "version": failure.owner.version,
                "entry_point": failure.owner.entry_point,
                "module": failure.owner.module,
                "reason": failure.reason,
            }
            for failure in manager.failures
        ],
        "allow": manager.allow,
    }


def _failure_text(failure: Failure) -> str:
    reason = textwrap.indent(failure.reason, "    ").lstrip()
    return f"  {failure.owner} ({failure.owner.module}): {reason}"


def _description(component: Component) -> str:
    from gait_plugins.config.describe.options import describe
    from gait_plugins.registry.files import FileComponent

    lines = [f"{component.kind} {component.name}"]
    if isinstance(component, FileComponent):
        lines.append(f"  file     {component.origin}, {component.owner.version}")
    else:
        lines.append(f"  package  {component.owner}, unambiguous name {component.qualified}")
        lines.append(f"  class    {component.origin}")
    if component.source:
        lines.append(f"  source   {component.source}")
    if component.missing:
        return "\n".join([*lines, "", f"  not available here: it {component.missing}"])
    description = describe(component)
    if description.summary:
        lines += ["", textwrap.indent(description.summary, "  ")]
    if description.options:
        lines += ["", "  options", *option_lines(description.options, "    ")]
    if description.open:
        lines.append("    any other option is accepted too")
    # Of its package alone: what another one tells wrongly is no matter of this one.
    told = default_manager().works(component.owner.distribution) if component.kind == "model" else []
    lines += [line for work in told if work.is_of(component) for line in ("", *_work_lines(work))]
    return "\n".join(lines)


def _work_lines(work: NamedWork) -> list[str]:
    told = work.told
    rows = [("takes", ", ".join(told.streams)), ("needs", told.needs), ("weights", told.weights)]
    rows += [("licence", told.licence), ("published", told.published), ("seen here", told.seen)]
    cells = [row for row in rows if row[1]]
    return [f"  {work.name} ({told.source})", *(f"    {name.ljust(9)}  {text}" for name, text in cells)]


def _aligned(rows: list[tuple[str, ...]]) -> str:
    rows = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in padded)
