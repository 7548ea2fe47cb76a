"""Kills of writers: whoever was enrolled is there, whoever was removed is gone with every byte."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.places import PROGRAMS

KILLS = 20


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_kills_lose_nobody_and_leave_nothing(tmp_path: Path) -> None:
    words = [sys.executable, str(PROGRAMS / "kill_gallery.py"), str(tmp_path / "gallery"), str(KILLS)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert (seen["errors"], seen["reader"], seen["names_left"]) == ([], 0, 0), (seen, done.stderr[-2000:])
    assert seen["kills"] == KILLS
    assert seen["steps"] >= KILLS
    assert seen["in_hand"] > KILLS // 2
