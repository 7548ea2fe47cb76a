"""Runs commands of ``gait-plugins``, each in a fork of this process: one JSON line in, one out, for each.

A line asks for ``words`` and an ``environment`` beside the inherited one; the answer holds ``code``,
``stdout`` and ``stderr``. This process has imported torch and not used it, and has looked for no plugin: so
each fork is what a process started anew would be, but for the seconds that torch takes.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from typing import Any

import lightning_fabric  # noqa: F401
import torch  # noqa: F401

from gait_plugins.cli import main


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """Run one command to its end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(run(job))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return {"code": code, "stdout": out.read().decode(), "stderr": err.read().decode()}


def run(job: dict[str, Any]) -> int:
    """The exit code of a command in this process."""
    os.environ.update(job["environment"])
    sys.argv = ["gait-plugins", *job["words"]]
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
