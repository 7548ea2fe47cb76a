"""Kills of commands that write files: what is there stays whole, and a second run does the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.places import PROGRAMS

KILLS = 4


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and process groups")
@pytest.mark.parametrize("command", ["pack", "prepare", "embed", "enroll"])
def test_kills_of_a_command_leave_no_trace(tmp_path: Path, command: str):
    words = [sys.executable, str(PROGRAMS / "kill_commands.py"), str(tmp_path / "work"), command, str(KILLS)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["kills"] == KILLS
    assert seen["mid_write"] >= KILLS // 2
    assert (seen["identical"], seen["partials"], seen["errors"]) == (seen["ends"], 0, []), seen
