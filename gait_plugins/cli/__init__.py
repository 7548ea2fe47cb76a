"""The command line: ``gait-plugins COMMAND``; one module for each group of commands."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from gait_plugins import __version__
from gait_plugins.cli import config, data, demo, plugins, train
from gait_plugins.errors import GaitPluginsError

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


class _Guarded(TyperGroup):
    """Turns our own errors into a message and an exit code; anything else is a bug and shows itself."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except GaitPluginsError as error:
            if ctx.params.get("debug"):
                raise
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            raise typer.Exit(EXIT_ERROR) from error
        except KeyboardInterrupt as error:
            print("interrupted", file=sys.stderr)
            raise typer.Exit(EXIT_INTERRUPTED) from error


app = typer.Typer(
    name="gait-plugins",
    cls=_Guarded,
    help="Gait recognition as plugins: train and test any component of any installed package.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("train")(train.run_train)
app.command("test")(train.run_test)
app.command("demo")(demo.demo)
app.add_typer(config.app, name="config", help="Check and explain configurations.")
app.add_typer(data.app, name="data", help="Check and export data sets.")
app.add_typer(plugins.app, name="plugins", help="List, show and check the installed components.")


def _version(asked: bool) -> None:
    if asked:
        print(f"gait-plugins-trackletgait {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks and debug messages."),
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    logging.captureWarnings(True)
    handler = _ToStderr()
    handler.setFormatter(_Plain())
    for name in ("gait_plugins", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.DEBUG if debug else logging.INFO)
        logger.propagate = False


class _ToStderr(logging.Handler):
    """Writes to what is standard error now: an open progress bar takes its place to stay below."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except Exception:  # as every handler of logging: a lost message ends no training
            self.handleError(record)


class _Plain(logging.Formatter):
    """The message alone; warnings and errors say what they are."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"


def main() -> None:
    """Run ``gait-plugins``."""
    # Threads that wait for work by spinning take the cores from the loader's workers and from whatever
    # else runs: several times slower on a busy machine. It counts only before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    app()
