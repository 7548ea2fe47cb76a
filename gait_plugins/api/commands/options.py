"""Options that mean the same everywhere: ``-o KEY=VALUE`` overrides, ``--out`` names what is written."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from gait_plugins.errors import ConfigError
from gait_plugins.io.remote.address import address_meant

log = logging.getLogger("gait_plugins")

LAST_WITH_OLD = "0.2"
"""The last version that takes old spellings."""
_USUAL = "Override a setting, for example trainer_cfg.seed=1; may be repeated."
_OVERRIDE = re.compile(r"\s*[^\s=/\\]+\s*=")
"""``KEY=``: no path has an equals sign before its first slash, as a rule."""
_Place = TypeVar("_Place")


def override_option(help: str = _USUAL) -> Any:
    """``-o KEY=VALUE``, for a parameter ``list[str] | None``."""
    return typer.Option("-o", "--override", metavar="KEY=VALUE", help=help)


Overrides = Annotated[list[str] | None, override_option()]
"""Overrides of a configuration, for :func:`~gait_plugins.load_config`."""


Fast = Annotated[
    bool,
    typer.Option(
        "--fast",
        help="Compute by a fused copy of the model, and in 16-bit floats where they are faster: "
        "-o evaluator_cfg.fast=true. Galleries and probes are computed alike.",
    ),
]
"""The option of commands that test or embed; see :func:`with_fast`."""


def with_fast(overrides: list[str] | None, fast: bool) -> list[str] | None:
    """Overrides, and the setting that ``--fast`` stands for."""
    return [*(overrides or ()), "evaluator_cfg.fast=true"] if fast else overrides


def out_option(metavar: str, help: str, **more: Any) -> Any:
    """``-O``/``--out``, for a parameter ``Path | None``: what the command writes, on this machine.

    Args:
        metavar: ``FILE`` or ``DIR``.
        help: a line of help.
        more: for ``typer.Option``.
    """
    return typer.Option("-O", "--out", metavar=metavar, help=help, callback=_no_address, **more)


def _no_address(context: typer.Context, place: Any) -> Any:
    _refuse_address(context.command_path.partition(" ")[2], place)
    return place


def old_option(*spellings: str) -> Any:
    """An old spelling of ``--out``, which is not shown in the help; see :func:`chosen_out`."""
    return typer.Option(*spellings, hidden=True)


def chosen_out(
    command: str, out: _Place | None, argument: _Place | None = None, **old: _Place | None
) -> _Place:
    """The one place that a command writes to.

    Args:
        command: its words.
        out: by ``--out``.
        argument: by an argument.
        old: by old spellings, which are warned of: ``to`` for ``--to``; ``o`` for ``-o``.

    Raises:
        ConfigError: none is given, or several, or an address (``s3://...``).
    """
    found = [place for place in (out, argument, *old.values()) if place is not None]
    for name, place in old.items():
        if place is not None:
            dashes = "-" if len(name) == 1 else "--"
            told = "%s%s %s is spelt --out %s; %s is the last version that takes the old spelling"
            log.warning(told, dashes, name, place, place, LAST_WITH_OLD)
    if len(found) != 1:
        told = "it is not said what is written" if not found else "it is said more than once what is written"
        raise ConfigError(told, where=command, hint="name it with --out")
    _refuse_address(command, found[0])
    return found[0]


def _refuse_address(command: str, place: object) -> None:
    """A ``Path`` of ``s3://bucket/file`` is the folder ``s3:`` of this machine, which nobody means."""
    address = address_meant(place)
    if address is not None:
        told = f"{address} is an address: files are written to this machine's folders alone"
        raise ConfigError(told, where=command, hint="name a path here, and copy it to the store afterwards")


def without_old_out(overrides: Iterable[str] | None) -> tuple[list[str], Path | None]:
    """Overrides ``KEY=VALUE``, and the output that ``-o`` named before it meant an override."""
    given = list(overrides or ())
    old = [text for text in given if not _OVERRIDE.match(text)]
    if len(old) != 1:
        return given, None
    return [text for text in given if text not in old], Path(old[0])
