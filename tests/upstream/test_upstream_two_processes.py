"""Two processes of the second host with half the batch each: what one process with the whole batch does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.children import import_path
from helpers.hosts.two_hosts import settings, write
from helpers.hosts.upstream_host import mini
from helpers.places import PROGRAMS

from upstream_patches.run.program import RunOptions, run


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_plugins_model_and_losses_train_and_test_alike(tmp_path: Path, tiny):
    config = settings(tmp_path)
    config["trainer_cfg"] |= {"sync_BN": True, "with_test": True}
    path = write(tmp_path, config)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    checkouts = [mini(tmp_path / name) for name in ("one", "two")]
    with subprocess.Popen(
        [*torchrun, str(PROGRAMS / "run_tiny_host.py"), str(checkouts[1].root), str(path), "train"],
        env=os.environ | {"PYTHONPATH": import_path()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        options = RunOptions(device="cpu", allow_unpinned=True)
        run(checkouts[0], ["--cfgs", str(path), "--phase", "train"], options)
        output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output[-3000:]
    folders = [checkout.root / "output/CASIA-B/TinyModel/both" for checkout in checkouts]
    one, two = map(records, folders)
    assert [r["type"] for r in one] == [r["type"] for r in two]
    for mine, other in zip(one, two, strict=True):
        if mine["type"] in ("step", "results"):
            assert other["metrics"] == pytest.approx(mine["metrics"], abs=1e-4)
    weights = [torch.load(folder / "checkpoints/both-00006.pt", weights_only=True) for folder in folders]
    for part in ("model", "losses"):
        assert set(weights[0][part]) == set(weights[1][part])
        for key, value in weights[0][part].items():
            torch.testing.assert_close(weights[1][part][key], value, atol=1e-5, rtol=1e-4, msg=key)
