"""Processes that tests start: what they import is what this one imports."""

from __future__ import annotations

import os
import socket
import sys


def import_path(*first: str | os.PathLike[str]) -> str:
    """``PYTHONPATH`` for a child: ``first``, then where this process finds its modules, in its order.

    Without it a child finds the installed copy of the package, whichever one is under test.
    """
    entries = [os.path.abspath(entry) for entry in (*first, *sys.path)]
    return os.pathsep.join(dict.fromkeys(entries))


def free_port() -> int:
    """A TCP port of this machine that nobody uses just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
