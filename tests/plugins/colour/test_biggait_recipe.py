"""BigGait's recipe on walkers: the mask branch, then the rest; a killed one ends as one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.children import import_path
from helpers.components.tiny_training import equal, trained

from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.checkpoints.trust import trust_in
from gait_plugins.core.recipes.run import train_recipe
from gait_plugins.core.runtime.options import RunOptions

NARROW = {
    "mask.model_cfg.image_size": 28,
    "mask.model_cfg.sils_size": 8,
    "gait.model_cfg.image_size": 28,
    "gait.model_cfg.sils_size": 8,
    "data_cfg.train": 4,
    "data_cfg.test": 2,
    "data_cfg.frames": 4,
    "data_cfg.num_workers": 0,
    "trainer_cfg.sampler.batch_size": [2, 2],
    "trainer_cfg.sampler.frames_num_fixed": 2,
    "trainer_cfg.save_iter": 2,
    "trainer_cfg.precision": "32-true",
    "mask.trainer_cfg.total_iter": 4,
    "gait.trainer_cfg.total_iter": 8,
    "gait.model_cfg.bin_num": [4],
    "gait.model_cfg.SeparateFCs.parts_num": 4,
    "gait.model_cfg.SeparateBNNecks.parts_num": 4,
    "gait.model_cfg.SeparateBNNecks.class_num": 4,
}


def overrides(folder: Path) -> list[str]:
    return [f"{key}={value}" for key, value in {**NARROW, "output_dir": folder}.items()]


def saved(folder: Path, stage: str, step: int) -> dict[str, Any]:
    return load_checkpoint(checkpoint_path(folder / "biggait-walkers" / stage, stage, step))


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_killed_recipe_ends_as_the_one_never_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    results = train_recipe(load_recipe("biggait/walkers", overrides(whole)), RunOptions(device="cpu"))
    assert results is not None
    assert any("prove nothing: TinyDINOv2" in note for note in results.notes)
    written = next((whole / "biggait-walkers" / "gait").glob("results-8-*.json"))
    assert any("TinyDINOv2" in note for note in json.loads(written.read_text())["notes"])
    words = [word for each in overrides(killed) for word in ("-o", each)]
    command = [sys.executable, "-m", "gait_plugins", "train", "biggait/walkers", "--device", "cpu", *words]
    own = os.environ | {"PYTHONPATH": import_path()}
    for stage, step in (("mask", 2), ("gait", 4)):
        awaited = checkpoint_path(killed / "biggait-walkers" / stage, stage, step)
        with subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
            deadline = time.monotonic() + 300
            while not awaited.exists() and child.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            os.kill(child.pid, signal.SIGKILL)
    assert not checkpoint_path(killed / "biggait-walkers" / "gait", "gait", 8).exists()
    subprocess.run(command, env=own, check=True, capture_output=True, timeout=400)
    for stage, step in (("mask", 4), ("gait", 8)):
        assert equal(*(trained(saved(folder, stage, step)) for folder in (whole, killed)))
    mask, gait = saved(whole, "mask", 4), saved(whole, "gait", 8)
    for name, weight in gait["model"].items():
        if name.startswith(("Mask_Branch.", "backbone.")):
            assert torch.equal(weight, mask["model"][name]), name
    assert [record["part"] for record in gait["init"]] == ["Mask_Branch"]


@pytest.mark.heavy
def test_biggergaits_recipe_runs(tmp_path: Path) -> None:
    settings = {key: value for key, value in NARROW.items() if "gait.model_cfg" not in key}
    settings |= {"gait.model_cfg.SeparateBNNecks.class_num": 4, "output_dir": tmp_path}
    given = [f"{key}={value}" for key, value in settings.items()]
    results = train_recipe(load_recipe("biggergait/walkers", given), RunOptions(device="cpu"))
    assert results is not None
    assert any("prove nothing: TinyDINOv2" in note for note in results.notes)


def test_a_model_on_a_stand_in_may_name_nobody(tmp_path: Path) -> None:
    stage = load_recipe("biggait/walkers", overrides(tmp_path))["gait"]
    told = trust_in(stage.config.model_cfg.build(), {})
    assert any("TinyDINOv2" in refusal for refusal in told.refusals)
