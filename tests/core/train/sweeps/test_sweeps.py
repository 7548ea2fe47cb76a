"""The sweep of the docs: seeded trials, early ends, and kills that leave no trace."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.children import import_path
from helpers.components.tiny import TINY_YAML
from helpers.components.tiny_training import equal, trained
from helpers.places import ROOT

from gait_plugins.core.checkpoints.files import load_checkpoint

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason="optuna is not installed"),
]

TRIALS = 6
PRELUDE = """
from gait_plugins.registry.manager import Manager, use_manager
from helpers.components.tiny import TinyPlugin
manager = Manager(allow=[])
manager.register(TinyPlugin(), distribution="tiny-gait", version="1.0")
use_manager(manager)
"""
HELD_OUT = "identities: 12, validation: ['000', '004', '008', '001']"


def script(folder: Path) -> Path:
    """The script of the page in a folder of its own, with the tiny configuration."""
    folder.mkdir()
    page = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    code = code.replace("TRIALS = 20", f"TRIALS = {TRIALS}")
    code = code.replace("n_startup_trials=3, n_warmup_steps=2", "n_startup_trials=2, n_warmup_steps=0")
    settings = TINY_YAML.replace("type: TinyWalks,", f"type: TinyWalks, {HELD_OUT},")
    settings = settings.replace("model: TinyModel", "model: TinyModel, classes: 8")
    (folder / "my.yaml").write_text(settings.replace("save_iter: 2", "save_iter: 1"))
    path = folder / "sweep.py"
    path.write_text(PRELUDE + code)
    return path


def start(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, path.name],
        cwd=path.parent,
        env=os.environ | {"PYTHONPATH": import_path()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def done(path: Path) -> list[Any]:
    """Run the script to its end; its trials."""
    import optuna

    process = start(path)
    output, _ = process.communicate(timeout=400)
    assert process.returncode == 0, output[-3000:]
    study = optuna.load_study(
        study_name="sweep", storage=f"sqlite:///{path.parent / 'output' / 'sweep' / 'sweep.db'}"
    )
    return [(t.number, t.state.name, t.params, t.value, t.intermediate_values) for t in study.trials]


def test_kills_change_no_trial_and_no_weight(tmp_path: Path):
    whole, killed = script(tmp_path / "whole"), script(tmp_path / "killed")
    expected = done(whole)
    states = [state for _, state, *_ in expected]
    assert len(states) == TRIALS
    assert set(states) == {"COMPLETE", "PRUNED"}
    assert len({str(params) for _, _, params, *_ in expected}) == TRIALS
    for step in (1, 4):
        process = start(killed)
        wanted = killed.parent / "output" / "sweep" / f"trial-{step:04d}" / "checkpoints"
        while not list(wanted.glob("*.pt")):
            assert process.poll() is None, process.communicate()[0][-3000:]
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert done(killed) == expected
    for number in range(TRIALS):
        places = [
            p.parent / "output" / "sweep" / f"trial-{number:04d}" / "checkpoints" for p in (whole, killed)
        ]
        names = [sorted(file.name for file in place.glob("*.pt")) for place in places]
        assert names[0] == names[1]
        assert (len(names[0]) == 6) == (states[number] == "COMPLETE")
        last = [load_checkpoint(place / names[0][-1]) for place in places]
        assert equal(*map(trained, last))
