"""The command line: ``gait-plugins COMMAND``; one module for each group of commands."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any

from gait_plugins.cli.exit_codes import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from gait_plugins.cli.program import app

__all__ = ["app", "main"]


def main() -> None:
    """Run ``gait-plugins``."""
    # Threads that wait for work by spinning take the cores from the loader's workers and from whatever
    # else runs: several times slower on a busy machine. It counts only before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # letters that the terminal's encoding lacks end no command
            stream.reconfigure(errors="backslashreplace")
    try:
        # Imported here, so that Ctrl-C while Python still loads the commands ends as quietly as later.
        from gait_plugins.cli.program import app

        # Asked for by someone who has just seen an error, --debug is put where the hand is: at the end.
        words = sys.argv[1:]
        app([word for word in ("--debug",) if word in words] + [word for word in words if word != "--debug"])
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def __getattr__(name: str) -> Any:
    if name == "app":
        from gait_plugins.cli.program import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
