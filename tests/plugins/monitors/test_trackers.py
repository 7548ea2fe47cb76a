"""Trackers of experiments, offline: what they keep of a run, and what is told where one is missing."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.children import import_path

from gait_plugins.plugins.monitors import TRACK, trackers
from gait_plugins.plugins.monitors.usage import Usage

PROGRAM = """
import sys
from pathlib import Path
from gait_plugins import Results, Run
from gait_plugins.registry.manager import Manager

life = Manager(allow=[]).lifecycle
config = {"trainer_cfg": {"seed": 7, "name": "x" * 900}, "loss_cfg": [{"type": "TripletLoss"}]}
run = Run(Path(sys.argv[1]) / "Model" / "demo", "train", config, total_steps=4)
life.run_begin(run)
for step in (1, 2, 3, 4):
    life.step_end(run, step, {"scalar/triplet/loss": step / 10, "image/x": None} if step % 2 == 0 else {})
life.evaluated(run, 2, Results("by hand", "walkers", {"NM@R1": 91.5}, probes=4, gallery=2))
life.run_end(run, None)
"""


def tracked(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run that is tracked, in a process of its own: these packages start threads and servers."""
    own = {
        "PYTHONPATH": import_path(),
        TRACK: name,
        "HOME": str(folder),
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(folder),
        "TRACKIO_DIR": str(folder / "trackio"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "HF_HUB_OFFLINE": "1",
    }
    words = [sys.executable, "-c", PROGRAM, str(folder)]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **own, **environment},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def needs(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: the extra [{package}]")


@pytest.mark.heavy
def test_wandb_keeps_a_run_offline(tmp_path: Path):
    needs("wandb")
    done = tracked("wandb", tmp_path)
    (kept,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    text = kept.read_bytes()
    assert all(name in text for name in (b"triplet/loss", b"test_accuracy/NM@R1", b"trainer_cfg.seed")), (
        done.stderr
    )


@pytest.mark.heavy
def test_trackio_keeps_a_run_on_this_machine(tmp_path: Path):
    needs("trackio")
    done = tracked("trackio", tmp_path)
    (kept,) = (tmp_path / "trackio").glob("gait-plugins*.db")
    rows = sqlite3.connect(kept).execute("SELECT step, metrics FROM metrics ORDER BY id").fetchall()
    found = [(step, json.loads(metrics)) for step, metrics in rows]
    assert [(step, told["triplet/loss"]) for step, told in found if "triplet/loss" in told] == [
        (2, 0.2),
        (4, 0.4),
    ]
    step, told = found[-1]
    assert (step, told["test_accuracy/NM@R1"], told["test_accuracy/step"]) == (4, 91.5, 2), done.stderr


@pytest.mark.heavy
def test_mlflow_keeps_a_run_in_a_data_base(tmp_path: Path):
    needs("mlflow")
    done = tracked("mlflow", tmp_path)
    base = sqlite3.connect(tmp_path / "mlflow.db")
    found = base.execute("SELECT key, step, value FROM metrics ORDER BY step").fetchall()
    assert ("triplet/loss", 4, 0.4) in found
    assert ("test_accuracy/NM-R1", 2, 91.5) in found, done.stderr
    assert ("trainer_cfg.seed", "7") in base.execute("SELECT key, value FROM params").fetchall()


def test_a_tracker_that_is_not_there_is_told_of_and_the_run_goes_on(tmp_path: Path):
    done = tracked(
        "typo, wandb", tmp_path, PYTHONPATH=f"{_without('wandb', tmp_path)}{os.pathsep}{import_path()}"
    )
    assert "typo: there is no such tracker, only wandb, trackio, mlflow" in done.stderr
    assert "pip install 'gait-plugins-trackletgait[wandb]'" in done.stderr
    assert '"run_end"' in (tmp_path / "Model" / "demo" / "log.jsonl").read_text()


def _without(package: str, folder: Path) -> Path:
    """A folder whose module of that name cannot be imported."""
    hidden = folder / "hidden"
    hidden.mkdir()
    (hidden / f"{package}.py").write_text("raise ImportError('not here')\n")
    return hidden


@pytest.mark.parametrize("tracker", [trackers.Wandb, trackers.Mlflow])
def test_a_tracker_is_short(tracker: type):
    assert len(inspect.getsource(tracker).splitlines()) < 60


def test_seconds_are_of_the_steps_since_the_last_time():
    now = iter([0.0, 10.0, 13.0, 14.0])
    usage = Usage(4, lambda: next(now))
    assert usage.told(6)["scalar/usage/seconds_per_step"] == 5
    found = usage.told(9)
    assert found["scalar/usage/seconds_per_step"] == 1
    assert found["scalar/usage/memory_MB"] > 10
    assert "scalar/usage/seconds_per_step" not in usage.told(9)
