"""Processes that tests start: what they import is what this one imports."""

from __future__ import annotations

import os
import sys


def import_path(*first: str | os.PathLike[str]) -> str:
    """``PYTHONPATH`` for a child: ``first``, then where this process finds its modules, in its order.

    Without it a child finds the installed copy of the package, whichever one is under test.
    """
    entries = [os.path.abspath(entry) for entry in (*first, *sys.path)]
    return os.pathsep.join(dict.fromkeys(entries))
