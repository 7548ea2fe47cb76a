"""``gait-plugins upstream``: the same plugins inside an untouched checkout of OpenGait."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from gait_plugins.cli.plugin_commands import OpenGroup
from gait_plugins.errors import GaitPluginsError

app = typer.Typer(cls=OpenGroup, no_args_is_help=True)

Home = Annotated[
    Path | None,
    typer.Option("--opengait", metavar="DIR", help="The checkout; by default OPENGAIT_HOME."),
]


@app.command("run")
def run_upstream(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="-- ARGUMENTS", help="OpenGait's: --cfgs CONFIG --phase train|test ..."),
    ],
    opengait: Home = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    override: Annotated[
        list[str] | None,
        typer.Option(
            "-o", "--override", metavar="KEY=VALUE", help="Override a setting of the configuration."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write here instead of to the checkout's output/.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="NAME", help="Leave this patch out.")
    ] = None,
    allow_unpinned: Annotated[
        bool,
        typer.Option("--allow-unpinned", help="Go on with another version, where each patch's probe holds."),
    ] = False,
) -> None:
    """Train or test by OpenGait's own main.py, with every installed plugin in reach.

    The configuration is a path, or the name of a shipped one. Paths in it mean what they mean in
    OpenGait: they start from the checkout. Nothing in it is changed but its output/, and with --output
    not even that.
    """
    from upstream_patches.checkout.tree import Checkout
    from upstream_patches.run.program import RunOptions, run

    options = RunOptions(device, tuple(without or ()), allow_unpinned, tuple(override or ()), output)
    run(Checkout.find(opengait), arguments, options)


@app.command("patches")
def list_patches(opengait: Home = None) -> None:
    """List every patch: what it touches and why; with a checkout, whether it fits."""
    from upstream_patches.checkout.tree import HOME, Checkout
    from upstream_patches.patches import load

    checkout = Checkout.find(opengait) if opengait or os.environ.get(HOME) else None
    failed = False
    for patch in load():
        print(patch.name)
        print(_indented(f"touches {patch.touches}"))
        print(_indented(f"because {patch.why}"))
        if checkout is not None:
            found = "it fits this checkout"
            try:
                patch.probe(checkout)
            except GaitPluginsError as error:
                failed, found = True, f"it does not fit: {error.message}"
            print(_indented(found))
    if failed:
        raise typer.Exit(2)


def _indented(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="    ")


@app.command("pin")
def pin(
    opengait: Home = None,
    commit: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call it; by default git's commit.")
    ] = None,
) -> None:
    """Write down a version of OpenGait as one that the patches were tried with."""
    from upstream_patches.checkout.tree import Checkout
    from upstream_patches.patches import load
    from upstream_patches.run import pins

    print(pins.write(Checkout.find(opengait), load(), commit))
