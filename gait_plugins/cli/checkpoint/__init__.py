"""Commands on checkpoints: ``gait-plugins checkpoint``."""

from __future__ import annotations

import typer

from gait_plugins.cli.checkpoint.by_name import run_fetch, run_list
from gait_plugins.cli.checkpoint.files import run_convert, run_show
from gait_plugins.cli.checkpoint.push import run_push
from gait_plugins.cli.plugin_commands import OpenGroup

app = typer.Typer(cls=OpenGroup, no_args_is_help=True)


@app.callback()
def _checkpoint() -> None:
    """List and fetch published checkpoints; inspect, convert and publish files."""


app.command("list")(run_list)
app.command("fetch")(run_fetch)
app.command("show")(run_show)
app.command("convert")(run_convert)
app.command("push")(run_push)
