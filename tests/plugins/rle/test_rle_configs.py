"""The configurations on visible-thermal data: published numbers, ImageNet weights, a step and a test."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.files.cross_spectral_files import llcm_files, regdb_files, sysu_files

from gait_plugins.config import Config, load_config
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.core.train.state import Training
from gait_plugins.errors import CheckpointError, DataError
from gait_plugins.plugins.rle.models.resnet import Layers, Stem

PUBLISHED = {  # data set -> identities, visible training images
    "rle/sysu": (395, 22258),
    "rle/sysu_paper": (395, 22258),
    "rle/regdb": (206, 2060),
    "rle/regdb_paper": (206, 2060),
    "rle/llcm": (713, 16946),
}
FILES = {"SYSU-MM01": sysu_files, "RegDB": regdb_files, "LLCM": llcm_files}


@pytest.mark.parametrize("name", PUBLISHED)
def test_epochs_are_those_of_the_published_code(name: str) -> None:
    config = load_config(name)
    identities, images = PUBLISHED[name]
    epoch = images // 24
    steps = (20, 50) if name.endswith("_paper") else (20, 80, 120)
    assert config.model_cfg.options["class_num"] == identities
    assert config.model_cfg.options["warmup_iters"] == 10 * epoch
    assert config.trainer_cfg.total_iter == 151 * epoch
    assert config.scheduler_cfg.options["milestones"] == [number * epoch for number in steps]
    assert config.trainer_cfg.sampler.batch.options["batch_size"] == (
        [4, 6] if name.endswith("_paper") else [6, 4]
    )


def small(name: str, folder: Path, **more: Any) -> Config:
    config = load_config(name)
    root = FILES[config.data_cfg.dataset.name](folder / "data")
    overrides = {
        "data_cfg.dataset_root": root,
        "data_cfg.size": "[48, 24]",
        "data_cfg.num_workers": 0,
        "model_cfg.class_num": 3,
        "model_cfg.depth": 18,
        "model_cfg.width": 4,
        "trainer_cfg.init": "null",
        "trainer_cfg.total_iter": 2,
        "trainer_cfg.save_iter": 2,
        "trainer_cfg.sampler.batch_size": "[2, 2]",
        "output_dir": folder / "output",
        **more,
    }
    return load_config(name, [f"{key}={value}" for key, value in overrides.items()])


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_data_set_is_trained_and_tested(name: str, tmp_path: Path) -> None:
    results = train(small(name, tmp_path), RunOptions(device="cpu"))
    assert results is not None
    assert "to " in results.protocol
    assert results.metrics


def test_the_made_up_people_are_trained_and_tested(tmp_path: Path) -> None:
    overrides = {
        "data_cfg.train": 8,
        "data_cfg.test": 3,
        "data_cfg.num_workers": 0,
        "model_cfg.class_num": 8,
        "model_cfg.width": 4,
        "trainer_cfg.total_iter": 2,
        "trainer_cfg.save_iter": 2,
        "output_dir": tmp_path,
    }
    config = load_config("rle/duo", [f"{key}={value}" for key, value in overrides.items()])
    results = train(config, RunOptions(device="cpu"))
    assert results is not None
    assert {"V2T@R1", "T2V@mAP"} <= set(results.metrics)


def test_a_resumed_training_ends_as_one_that_never_stopped(tmp_path: Path) -> None:
    def run(folder: str, steps: int, **options: Any) -> dict[str, torch.Tensor]:
        overrides = {
            "data_cfg.train": 8,
            "data_cfg.test": 2,
            "model_cfg.class_num": 8,
            "model_cfg.width": 4,
            "model_cfg.warmup_iters": 3,
            "model_cfg.warmup_stairs": 3,
            "scheduler_cfg.milestones": [2],
            "trainer_cfg.total_iter": steps,
            "trainer_cfg.save_iter": 2,
            "trainer_cfg.with_test": False,
            "output_dir": tmp_path / folder,
        }
        config = load_config("rle/duo", [f"{key}={value}" for key, value in overrides.items()])
        train(config, RunOptions(device="cpu", **options))
        file = next((tmp_path / folder).rglob(f"*-{steps:05d}.pt"))
        weights: dict[str, torch.Tensor] = torch.load(file, weights_only=True)["model"]
        return weights

    whole = run("whole", 4)
    run("parts", 2)
    resumed = run("parts", 4, resume=True)
    assert all(torch.equal(value, whole[key]) for key, value in resumed.items())


@pytest.mark.parametrize("channels", [(), (3,)], ids=["silhouettes", "colour"])
def test_the_augmenters_serve_gait_configurations(channels: tuple[int, ...], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for identity, kind, view in product(("001", "002", "003", "004"), ("U0_D0", "U1_D1"), ("00_1", "01_1")):
        file = tmp_path / "frames" / identity / kind / view / "0.npy"
        file.parent.mkdir(parents=True)
        np.save(file, rng.integers(0, 256, (12, *channels, 64, 44), dtype=np.uint8))
    partition = tmp_path / "partition.json"
    partition.write_text('{"TRAIN_SET": ["001", "002"], "TEST_SET": ["003", "004"]}')
    augmenters = ("ModerateRLE", "RadicalRLE", "RandomErasingRGB")
    every = ", ".join(
        [*(f"{{type: {name}, prob: 1}}" for name in augmenters), "{type: BaseSilCuttingTransform}"]
    )
    overrides = {
        "data_cfg.dataset_root": tmp_path / "frames",
        "data_cfg.dataset_partition": partition,
        "data_cfg.num_workers": 0,
        "model_cfg.backbone_cfg.in_channel": channels[0] if channels else 1,
        "model_cfg.backbone_cfg.channels": [4, 4, 4, 4],
        "model_cfg.SeparateFCs.in_channels": 4,
        "model_cfg.SeparateBNNecks.class_num": 2,
        "trainer_cfg.total_iter": 2,
        "trainer_cfg.save_iter": 2,
        "trainer_cfg.with_test": False,
        "trainer_cfg.enable_float16": False,
        "trainer_cfg.sampler.batch_size": [2, 2],
        "trainer_cfg.sampler.frames_num_fixed": 4,
        "trainer_cfg.transform": f"[{{type: Compose, trf_cfg: [{every}]}}]",
        "output_dir": tmp_path / "output",
    }
    train(
        load_config("gaitbase/ccpg", [f"{key}={value}" for key, value in overrides.items()]),
        RunOptions(device="cpu"),
    )
    assert list((tmp_path / "output").rglob("*-00002.pt"))


@pytest.mark.parametrize("counted", [True, False], ids=["of today", "of before PyTorch 0.4.1"])
def test_torchvision_weights_start_both_stems_and_the_layers(tmp_path: Path, counted: bool) -> None:
    torch.manual_seed(0)
    published = {**Stem(4).state_dict(), **Layers(18, 4).state_dict()}
    published |= {"fc.weight": torch.zeros(1000, 32), "fc.bias": torch.zeros(1000)}
    file = tmp_path / "resnet18.pth"
    torch.save({k: v for k, v in published.items() if counted or "num_batches" not in k}, file)
    parts = ("visible_module.visible", "thermal_module.thermal", "base_resnet.base")
    init = "{" + ", ".join(f"{part}: {file}" for part in parts) + "}"
    config = small("rle/sysu", tmp_path, **{"trainer_cfg.init": init})
    state = Training(config, RunOptions(device="cpu")).raw.model.state_dict()
    for stem in parts[:2]:
        assert torch.equal(state[f"{stem}.conv1.weight"], published["conv1.weight"])
    key = "layer3.0.downsample.0.weight"
    assert torch.equal(state[f"base_resnet.base.{key}"], published[key])


def test_missing_imagenet_weights_stop_the_training(tmp_path: Path) -> None:
    config = small("rle/sysu", tmp_path, **{"trainer_cfg.init": tmp_path / "none.pth"})
    with pytest.raises(CheckpointError, match="there is no such checkpoint") as caught:
        train(config, RunOptions(device="cpu"))
    assert "-o trainer_cfg.init={}" in str(caught.value.hint)


def test_what_the_test_needs_is_looked_for_before_the_first_step(tmp_path: Path) -> None:
    config = small("rle/regdb", tmp_path)
    root = Path(config.data_cfg.dataset.options["dataset_root"])
    (root / "idx" / "test_thermal_1.txt").unlink()
    with pytest.raises(DataError, match="the list cannot be read"):
        train(config, RunOptions(device="cpu"))
    assert not (tmp_path / "output").exists()
