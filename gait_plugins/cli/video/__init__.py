"""Commands on films: ``gait-plugins video``."""

from __future__ import annotations

import typer

from gait_plugins.cli.plugin_commands import OpenGroup
from gait_plugins.cli.video.identify import run_identify_film
from gait_plugins.cli.video.segment import run_segment
from gait_plugins.cli.video.watch import run_watch

app = typer.Typer(cls=OpenGroup, no_args_is_help=True)


@app.callback()
def _video() -> None:
    """Follow the people in films, and name them."""


app.command("segment")(run_segment)
app.command("identify")(run_identify_film)
app.command("watch")(run_watch)
