"""A training killed at any instant, also while it writes a checkpoint, ends as the one never killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_training import equal, trained

from gait_plugins.core.checkpoint import checkpoint_path, load_checkpoint

HERE = Path(__file__).parent


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and process groups")
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_ten_kills_leave_no_trace(tiny_yaml: Path, workers: int):
    command = [sys.executable, str(HERE / "kill_tiny.py"), str(tiny_yaml), str(workers), "10", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["killed"] == 10
    assert seen["mid_write"] >= 3
    assert seen["finished"]
    states = []
    for output in (f"{tiny_yaml}.whole", f"{tiny_yaml}.killed"):
        folder = Path(output) / "Tiny" / "TinyModel" / "tiny"
        assert not list(folder.glob("checkpoints/.*.partial"))
        states.append(trained(load_checkpoint(checkpoint_path(folder, "tiny", 24))))
    assert equal(*states)
