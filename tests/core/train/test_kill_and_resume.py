"""A training killed at any instant, also while it writes a checkpoint, ends as the one never killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.components.tiny_training import equal, trained
from helpers.places import PROGRAMS

from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and process groups")
@pytest.mark.parametrize(
    ("workers", "kills"),
    [(1, 2), *(pytest.param(workers, 10, marks=pytest.mark.heavy) for workers in (0, 1, 3))],
)
def test_kills_leave_no_trace(tiny_yaml: Path, workers: int, kills: int):
    command = [
        sys.executable,
        str(PROGRAMS / "kill_tiny.py"),
        str(tiny_yaml),
        str(workers),
        str(kills),
        str(workers),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["killed"] == kills
    assert seen["mid_write"] >= kills // 2
    assert seen["finished"]
    states = []
    for output in (f"{tiny_yaml}.whole", f"{tiny_yaml}.killed"):
        folder = Path(output) / "Tiny" / "TinyModel" / "tiny"
        assert not list(folder.glob("checkpoints/.*.partial"))
        states.append(trained(load_checkpoint(checkpoint_path(folder, "tiny", 24))))
    assert equal(*states)


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and process groups")
def test_kills_change_neither_the_best_step_nor_the_patience_nor_the_end(tiny_yaml: Path):
    settings = (
        "trainer_cfg.keep_best={metric: R1, mode: min}",
        "trainer_cfg.early_stopping={patience: 4}",
        "trainer_cfg.with_test=true",
        "data_cfg.identities=12",
        "data_cfg.validation=['000', '004', '008', '001']",
        "model_cfg.classes=8",
    )
    command = [sys.executable, str(PROGRAMS / "kill_tiny.py"), str(tiny_yaml), "0", "6", "0", *settings]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1])["finished"]
    whole, killed = (
        Path(output) / "Tiny" / "TinyModel" / "tiny"
        for output in (f"{tiny_yaml}.whole", f"{tiny_yaml}.killed")
    )
    figures = json.loads((whole / "validation.json").read_text())
    last = max(map(int, figures))
    assert last < 24  # nothing better was found, four times
    assert json.loads((killed / "validation.json").read_text()) == figures
    for name in ("best.pt", f"tiny-{last:05d}.pt"):
        states = [trained(load_checkpoint(folder / "checkpoints" / name)) for folder in (whole, killed)]
        assert equal(*states)
    best = load_checkpoint(whole / "checkpoints" / "best.pt")["iteration"]
    assert 2 < best == last - 8
    tests = [sorted(path.name for path in folder.glob("results-*")) for folder in (whole, killed)]
    assert tests == [[f"results-{best}-Nearest.csv", f"results-{best}-Nearest.json"]] * 2
