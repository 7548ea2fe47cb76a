"""SwinGait trains from a file of OpenGait's shape: its schedule, its rates, its start from a DeepGaitV2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from helpers.components.tiny import TINY_YAML

from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.deepgaitv2 import DeepGaitV2
from gait_plugins.plugins.zoo.models.swingait import SwinGait

pytestmark = pytest.mark.usefixtures("tiny")


def settings(tmp_path: Path, model: str, options: dict[str, Any], **trainer: Any) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(TINY_YAML)
    config["output_dir"] = str(tmp_path)
    config["model_cfg"] = {"model": model, **options}
    config["loss_cfg"] = [
        {"type": "TripletLoss", "log_prefix": "triplet"},
        {"type": "CrossEntropyLoss", "log_prefix": "softmax"},
    ]
    config["data_cfg"]["size"] = 16
    config["trainer_cfg"] |= {"total_iter": 4, **trainer}
    return config


def run(config: dict[str, Any], **options: Any) -> dict[str, Any]:
    train(load_config(config), RunOptions(device="cpu", **options))
    model = config["model_cfg"]["model"]
    folder = Path(config["output_dir"]) / "Tiny" / model / "tiny"
    return load_checkpoint(checkpoint_path(folder, "tiny", config["trainer_cfg"]["total_iter"]))


def swin(tmp_path: Path, **trainer: Any) -> dict[str, Any]:
    config = settings(tmp_path, "SwinGait", SwinGait.example_config(), T_max_iter=3, **trainer)
    config["optimizer_cfg"] = {"solver": "AdamW", "lr": 3e-4, "weight_decay": 0.02}
    return config


def test_the_schedule_of_the_file_is_used_and_resumed(tmp_path: Path) -> None:
    whole = run(swin(tmp_path))
    assert [group["initial_lr"] for group in whole["optimizer"]["param_groups"]] == pytest.approx(
        [3e-4] * 2 + [3e-5] * 5
    )
    assert [group["lr"] for group in whole["optimizer"]["param_groups"]] == [1e-6] * 7
    checkpoint_path(tmp_path / "Tiny" / "SwinGait" / "tiny", "tiny", 4).unlink()
    resumed = run(swin(tmp_path), resume=True)
    assert all(torch.equal(value, resumed["model"][key]) for key, value in whole["model"].items())
    assert resumed["scheduler"] == whole["scheduler"]


def test_training_starts_from_a_deepgaitv2_of_another_schedule(tmp_path: Path) -> None:
    options = DeepGaitV2.example_config()
    options["Backbone"]["channels"] = [4, 6, 6, 16]
    run(settings(tmp_path, "DeepGaitV2", options))
    file = checkpoint_path(tmp_path / "Tiny" / "DeepGaitV2" / "tiny", "tiny", 4)
    older = load_checkpoint(file)["model"]
    config = swin(tmp_path, restore_hint=str(file), restore_ckpt_strict=False, optimizer_reset=True)
    config["trainer_cfg"] |= {"total_iter": 1, "save_iter": 1}
    found = run(config)
    assert found["scheduler"]["last_epoch"] == 1
    for key in ("layer0.forward_block.0.weight", "layer2.0.shortcut3d.weight", "FCs.fc_bin"):
        # One step of AdamW at a tenth of the rate moves no weight further than that.
        torch.testing.assert_close(found["model"][key], older[key], atol=4e-5, rtol=0)


def test_a_model_that_takes_no_such_length_refuses_it(tmp_path: Path) -> None:
    config = settings(tmp_path, "DeepGaitV2", DeepGaitV2.example_config(), T_max_iter=3)
    with pytest.raises(ConfigError, match=r"trainer_cfg\.T_max_iter"):
        load_config(config)
