"""Published checkpoints: ``gait-plugins checkpoint list`` and ``checkpoint fetch``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.cli.checkpoint.files import AsJson
from gait_plugins.io.printable import megabytes, printable, say, say_json
from gait_plugins.suggest import did_you_mean

if TYPE_CHECKING:
    from gait_plugins.core.weights.fetch import Fetched
    from gait_plugins.registry.published import NamedCheckpoint

_WORDS = {
    "shipped": "is shipped with its package: nothing was fetched",
    "present": "is here already",
    "copied": "is copied",
    "fetched": "is fetched",
}


def run_list(
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT]", help="Show those with this text in name, configuration, figure or package."
        ),
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="Show those alone that can be used at once.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the published checkpoints of all installed packages."""
    from gait_plugins.core.weights.cache import state_of
    from gait_plugins.registry.manager import default_manager

    found = [(entry, state_of(entry)) for entry in default_manager().checkpoints()]
    shown = [(e, s) for e, s in found if _fits(e, text) and (not here or s in ("shipped", "fetched"))]
    if as_json:
        say_json([{**entry.as_dict(), "state": state} for entry, state in shown])
        return
    if not found:
        say("no installed package tells of a published checkpoint")
    elif not shown:
        meant = did_you_mean(text or "", (entry.name for entry, _ in found))
        say(f"no published checkpoint fits{f'; {meant}' if meant else ''}")
    for entry, state in shown:
        say("\n".join(_lines(entry, state)))


def run_fetch(
    name: Annotated[str, typer.Argument(help="Name of a published checkpoint: see checkpoint list.")],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="DIR", help="Put the file there; default: the cache, where its name is looked up."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a published checkpoint, and verify it by size and SHA-256.

    What came of an interrupted download is kept, and the next one goes on from there.
    """
    from gait_plugins.core.weights.fetch import fetch
    from gait_plugins.core.weights.lookup import find_entry

    entry = find_entry(name)
    found = fetch(entry, to)
    if as_json:
        say_json({"name": entry.name, "path": str(found.path), "state": found.state})
    else:
        say("\n".join(_fetched_lines(entry, found, to)))


def _fits(entry: NamedCheckpoint, text: str | None) -> bool:
    told = entry.published
    texts = (entry.name, told.config, told.figure, told.note, entry.owner.distribution)
    return text is None or any(text.lower() in each.lower() for each in texts)


def _lines(entry: NamedCheckpoint, state: str) -> Iterator[str]:
    told = entry.published
    yield printable(f"{entry.name}  ({state}, {megabytes(told.bytes)}, {entry.owner})")
    rows = {
        "configuration": told.config,
        "figure": told.figure,
        "licence": told.licence,
        "note": told.note,
        "from": str(told.address),
        "sha256": told.sha256,
    }
    yield from (f"  {title:13}  {printable(row)}" for title, row in rows.items() if row)


def _fetched_lines(entry: NamedCheckpoint, found: Fetched, to: Path | None) -> Iterator[str]:
    told = entry.published
    size = megabytes(told.bytes)
    yield printable(f"{entry.name} {_WORDS[found.state]}: {found.path} ({size}, sha256 {told.sha256[:12]})")
    # A configuration that is called as a checkpoint is names it itself.
    named = (
        ""
        if to is None and told.config == entry.name
        else f"--checkpoint {found.path if to else entry.name} "
    )
    yield printable(f"use it: gait-plugins embed {told.config} DATA {named}-O FILE")
    if told.note:
        yield printable(f"note: {told.note}")
