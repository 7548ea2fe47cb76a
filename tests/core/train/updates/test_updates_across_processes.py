"""Parts, clipping and averages on two processes equal one process, and leave no trace of kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.children import free_port, import_path
from helpers.components.tiny import TINY_YAML
from helpers.components.tiny_training import equal, trained
from helpers.places import PROGRAMS

from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint

pytestmark = pytest.mark.heavy

STEPS = 8
COMMON = (
    f"trainer_cfg.total_iter={STEPS}",
    f"trainer_cfg.save_iter={STEPS}",
    "trainer_cfg.with_test=true",
    "trainer_cfg.ema={decay: 0.8}",
    "model_cfg.dropout=0.0",
    "optimizer_cfg={solver: SGD, lr: 0.1}",
)


def train(folder: Path, name: str, *settings: str, devices: int = 1) -> Path:
    """A training in processes of its own; its run folder."""
    yaml_path = folder / "tiny.yaml"
    yaml_path.write_text(TINY_YAML)
    overrides = [*COMMON, *settings, f"output_dir={folder / name}"]
    command = [sys.executable, str(PROGRAMS / "run_tiny.py"), "train", str(yaml_path), "--device", "cpu"]
    command += ["--devices", str(devices), *(word for o in overrides for word in ("-o", o))]
    own = {"MASTER_PORT": str(free_port()), "PYTHONPATH": import_path()}
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return folder / name / "Tiny" / "TinyModel" / "tiny"


def losses(folder: Path) -> torch.Tensor:
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return torch.tensor([r["metrics"]["scalar/loss"] for r in records if r["type"] == "step"])


@pytest.mark.parametrize(
    ("norms", "parts"),
    [("trainer_cfg.fix_BN=true", 1), ("trainer_cfg.fix_BN=true", 2), ("trainer_cfg.sync_BN=true", 1)],
)
def test_two_processes_with_parts_train_as_one_with_the_whole_batch(tmp_path: Path, norms: str, parts: int):
    """Also the loss that compares all sequences, and the weight that it learns."""
    limit = "trainer_cfg.clip_grad_norm=0.2"
    one = train(tmp_path, "one", norms, limit)
    two = train(tmp_path, "two", norms, limit, f"trainer_cfg.accumulate={parts}", devices=2)
    torch.testing.assert_close(losses(two), losses(one), atol=1e-5, rtol=0)
    states = [load_checkpoint(checkpoint_path(folder, "tiny", STEPS)) for folder in (one, two)]
    for part in ("model", "last_step", "losses"):
        for key, value in states[0][part].items():
            torch.testing.assert_close(states[1][part][key], value, atol=1e-5, rtol=0, msg=f"{part} {key}")
    results = [json.loads((f / f"results-{STEPS}-Nearest.json").read_text())["metrics"] for f in (one, two)]
    assert results[0] == results[1]


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and process groups")
def test_kills_leave_no_trace(tmp_path: Path):
    """SIGKILL at any instant, with everything that an update may do."""
    yaml_path = tmp_path / "tiny.yaml"
    yaml_path.write_text(TINY_YAML)
    settings = (
        "trainer_cfg.accumulate=2",
        "trainer_cfg.clip_grad_norm=0.3",
        "trainer_cfg.ema={decay: 0.9, every: 3}",
        "scheduler_cfg.warmup={steps: 13, factor: 0.1}",
    )
    command = [sys.executable, str(PROGRAMS / "kill_tiny.py"), str(yaml_path), "1", "8", "5", *settings]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert (seen["killed"], seen["finished"]) == (8, True)
    whole, killed = (
        load_checkpoint(checkpoint_path(Path(f"{yaml_path}.{name}/Tiny/TinyModel/tiny"), "tiny", 24))
        for name in ("whole", "killed")
    )
    assert equal(trained(killed), trained(whole))
    assert equal([killed[key] for key in ("last_step", "ema")], [whole[key] for key in ("last_step", "ema")])
    assert whole["ema"]["updates"] == 8
