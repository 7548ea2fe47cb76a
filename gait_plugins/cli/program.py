"""The command line's root: all commands, logging, and the printing of errors."""

from __future__ import annotations

import errno
import logging
import threading
from typing import Any

import typer

from gait_plugins.cli.exit_codes import EXIT_ERROR, EXIT_INTERRUPTED
from gait_plugins.cli.plugin_commands import OpenGroup, OwnCommands, read_plainly
from gait_plugins.core.runtime.wording import on_command_line
from gait_plugins.errors import GaitPluginsError
from gait_plugins.io.printable import PrintableFormatter, say
from gait_plugins.lost_processes import lost_process
from gait_plugins.version import __version__

_HINTS = {
    errno.ENOSPC: "free some disk space, or write to another disk",
    errno.EDQUOT: "free some disk space, or write to another disk",
    errno.EROFS: "choose a folder that can be written to",
    errno.EACCES: "check that you may read and write there, or choose another folder",
    errno.ENOENT: "check the path: a folder of it is missing and cannot be made",
    errno.EEXIST: "check the path: a part of it is a file, not a folder",
    errno.ENOTDIR: "check the path: a part of it is a file, not a folder",
    errno.EISDIR: "name a file: this is a folder",
    errno.EPERM: "check that you may read and write there, or choose another folder",
}


_CLI = "gait_plugins.cli"
_COMMANDS: dict[str, tuple[str, str | None]] = {
    "train": (f"{_CLI}.train:run_train", None),
    "test": (f"{_CLI}.train:run_test", None),
    "embed": (f"{_CLI}.embed:run_embed", None),
    "export": (f"{_CLI}.export:run_export", None),
    "enroll": (f"{_CLI}.embed:run_enroll", None),
    "identify": (f"{_CLI}.embed:run_identify", None),
    "report": (f"{_CLI}.runs:run_report", None),
    "demo": (f"{_CLI}.demo:demo", None),
    "checkpoint": (f"{_CLI}.checkpoint:app", "List, fetch, inspect, convert and publish checkpoints."),
    "config": (f"{_CLI}.config:app", "Check and explain configurations."),
    "data": (f"{_CLI}.data.check:app", "Prepare, check, pack and export data sets."),
    "gallery": (f"{_CLI}.gallery:app", "List, remove, convert, calibrate and evaluate galleries."),
    "video": (f"{_CLI}.video:app", "Follow the people in films."),
    "runs": (f"{_CLI}.runs:app", "Compare runs."),
    "upstream": (f"{_CLI}.upstream:app", "Run plugins inside a checkout of OpenGait."),
    "plugins": (f"{_CLI}.plugins:app", "List, show and check the installed components."),
}
"""In the order of the help."""


class _Guarded(OpenGroup):
    """Holds all commands; turns our own errors, and those of files and disks, into words and an exit code.

    Any other exception is a bug and is shown with its traceback.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = OwnCommands(_COMMANDS)
        read_plainly(self)

    def invoke(self, ctx: Any) -> Any:
        try:
            with on_command_line():
                return super().invoke(ctx)
        except (GaitPluginsError, OSError, RuntimeError) as caught:
            error = caught if isinstance(caught, GaitPluginsError) else lost_process(caught) or caught
            if not isinstance(error, GaitPluginsError | OSError):
                raise  # a bug, which shows itself
            # Whoever reads our output may have seen enough: typer ends quietly then.
            if ctx.params.get("debug") or (isinstance(error, OSError) and error.errno == errno.EPIPE):
                raise
            say(_in_words(error), error=True)
            raise typer.Exit(EXIT_ERROR) from error
        except KeyboardInterrupt as error:
            say("interrupted", error=True)
            raise typer.Exit(EXIT_INTERRUPTED) from error


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        where = "" if error.filename is None else f"{error.filename}: "
        hint = _HINTS.get(error.errno or 0, "gait-plugins --debug COMMAND shows the traceback")
        return f"{type(error).__name__}: {where}{reason}\n  -> {hint}"
    return f"{type(error).__name__}: {error}"


app = typer.Typer(
    name="gait-plugins",
    cls=_Guarded,
    help="Gait recognition with plugins: train and test components of all installed packages.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        say(f"gait-plugins-trackletgait {__version__}")
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
    if not debug:
        threading.excepthook = _log_thread_error


def _log_thread_error(args: threading.ExceptHookArgs) -> None:
    """Log one line for an exception in a library's thread: the command itself goes on."""
    name = args.thread.name if args.thread else "(unnamed)"
    message = f"the thread {name} ended with {args.exc_type.__name__}: {args.exc_value}"
    logging.getLogger("gait_plugins").warning(message)


class _ToStderr(logging.Handler):
    """Writes to the current standard error, which an open progress bar replaces to stay below."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            say(self.format(record), error=True)
        except Exception:  # as every handler of logging: a lost message ends no training
            self.handleError(record)


class _Plain(PrintableFormatter):
    """The message alone; warnings and errors say what they are."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"
