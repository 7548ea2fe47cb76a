"""``gait-plugins upstream``: runs the plugins inside an unchanged checkout of OpenGait."""

from __future__ import annotations

import os
import shlex
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from gait_plugins.api.commands import Overrides, chosen_out, old_option, out_option
from gait_plugins.cli.plugin_commands import OpenGroup
from gait_plugins.errors import GaitPluginsError
from gait_plugins.io.printable import say

app = typer.Typer(cls=OpenGroup, no_args_is_help=True)

HOME = "OPENGAIT_HOME"
"""As in ``upstream_patches.checkout.tree``, which only commands import."""

Home = Annotated[
    Path | None,
    typer.Option("--opengait", metavar="DIR", help="Folder of the checkout; default: OPENGAIT_HOME."),
]


@app.command("run")
def run_upstream(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="-- ARGUMENTS", help="Arguments of OpenGait: --cfgs CONFIG --phase train|test ..."
        ),
    ],
    opengait: Home = None,
    device: Annotated[str, typer.Option(help="Device to compute on: auto, cpu or cuda.")] = "auto",
    override: Overrides = None,
    out: Annotated[
        Path | None, out_option("DIR", "Folder to write to; default: output/ of the checkout.")
    ] = None,
    old: Annotated[Path | None, old_option("--output")] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="NAME", help="Leave this patch out; may be repeated."),
    ] = None,
    allow_unpinned: Annotated[
        bool,
        typer.Option(
            "--allow-unpinned", help="Accept another version of OpenGait if every patch's probe passes."
        ),
    ] = False,
) -> None:
    """Train or test with OpenGait's own main.py and all installed plugins.

    The configuration is a path, or the name of a shipped one. Paths in it are relative to the checkout,
    as in OpenGait. The checkout is not changed except for its output/, and with --out not even there.
    """
    from upstream_patches.checkout.tree import Checkout
    from upstream_patches.run.program import RunOptions, run

    target = out if old is None else chosen_out("upstream run", out, output=old)
    options = RunOptions(device, tuple(without or ()), allow_unpinned, tuple(override or ()), target)
    run(Checkout.find(opengait), arguments, options)


@app.command("clone")
def clone_upstream(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder to make; must not exist.")
    ] = None,
    out: Annotated[Path | None, out_option("DIR", "Same as DIR.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="Repository, or a folder; default: that of its authors."),
    ] = None,
    commit: Annotated[
        str | None, typer.Option(metavar="NAME", help="Commit; default: the newest pinned one.")
    ] = None,
) -> None:
    """Get OpenGait at the pinned commit by git, from its authors' repository.

    OpenGait is not a part of this package; its authors publish it for academic use.
    """
    from upstream_patches.run.clone import URL, clone

    checkout = clone(chosen_out("upstream clone", out, folder), source or URL, commit)
    say(f"OpenGait is in {checkout.root}")
    say(f"set {HOME}={shlex.quote(str(checkout.root))}, or give it as --opengait")


@app.command("patches")
def list_patches(opengait: Home = None) -> None:
    """List every patch, what it changes and why; with a checkout, also whether it fits."""
    from upstream_patches.checkout.tree import Checkout
    from upstream_patches.patches import load

    checkout = Checkout.find(opengait) if opengait or os.environ.get(HOME) else None
    failed = False
    for patch in load():
        say(patch.name)
        say(_indented(f"touches {patch.touches}"))
        say(_indented(f"because {patch.why}"))
        if checkout is not None:
            found = "fits this checkout"
            try:
                patch.probe(checkout)
            except GaitPluginsError as error:
                what = "nothing runs without it" if patch.needed else "it is left out"
                failed, found = True, f"does not fit this checkout: {error.message} ({what})"
            else:
                for part, why in patch.unfit(checkout).items():
                    found += f"; {part} is off: {why}"
            say(_indented(found))
    if failed:
        raise typer.Exit(2)


def _indented(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="    ")


@app.command("pin")
def pin(
    opengait: Home = None,
    commit: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the version; default: git's commit.")
    ] = None,
) -> None:
    """Record a version of OpenGait that the patches were tried with."""
    from upstream_patches.checkout.tree import Checkout
    from upstream_patches.patches import load
    from upstream_patches.run import pins

    say(pins.write(Checkout.find(opengait), load(), commit))
