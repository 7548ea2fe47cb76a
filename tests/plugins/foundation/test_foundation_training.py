"""Trainings of FoundationGait: a killed one goes on to the same end; every shipped configuration runs."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from helpers.components.tiny_training import equal, trained
from helpers.files.layout_files import partition, person, write
from helpers.golden_rules import golden_json
from helpers.places import DOCS

import gait_plugins
from gait_plugins.api import EmbeddingSet
from gait_plugins.config import load_config, shipped
from gait_plugins.core.assembly.components import on_meta
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.walkers.dataset import Walkers

CPU = RunOptions(device="cpu")
WALKERS = {"type": "walkers", "train": 4, "test": 2, "frames": 6, "views": ["072", "090"]}
NARROW = {"mode": "p3d", "in_channels": 1, "layers": [1, 1, 1, 1], "channels": [4, 4, 4, 4]}
PUBLISHED = {
    "finetune_ccpg_small": "FoundationGait_finetune_ccpg_0.03B",
    "finetune_ccpg_large": "FoundationGait_finetune_ccpg_0.13B",
    "pretrain_small": "FoundationGait_pretrain_foundationgait_0.03B",
    "probe_scoliosis1k_large": "FoundationGait_linear_probing_Scoliosis1K_0.13B",
}
SHIPPED = [name for name in shipped() if name.startswith("foundationgait/")]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))


def pretraining(folder: str) -> dict[str, Any]:
    sampler = {
        "type": "OneSetSampler",
        "of": {"type": "BilateralSampler", "batch_size": [2, 2]},
        "sample_type": "fixed_ordered",
        "frames_num_fixed": 2,
    }
    return {
        "data_cfg": {
            "type": "mixture",
            "num_workers": 0,
            "of": {"many": WALKERS, "few": {**WALKERS, "train": 2, "seed": 1}},
        },
        "model_cfg": {"model": "FoundationGait_Scaling", "Backbone": NARROW, "crop_list": [2, 1]},
        "loss_cfg": [{"type": "CrossEntropyLoss", "log_prefix": "softmax"}],
        "trainer_cfg": {
            "save_name": "run",
            "total_iter": 12,
            "save_iter": 2,
            "enable_float16": False,
            "sampler": sampler,
            "transform": [{"type": "DA4GaitSSB"}],
        },
        "run_dir": folder,
    }


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_pretraining_ends_as_the_one_never_killed(tmp_path: Path, workers: int) -> None:
    for name in ("whole", "killed"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(pretraining(name)))
    train(load_config("whole.yaml"), CPU)
    command = [sys.executable, "-m", "gait_plugins", "train", "killed.yaml", "--device", "cpu"]
    command += ["-o", f"data_cfg.num_workers={workers}"]
    last = checkpoint_path(tmp_path / "killed", "run", 12)
    for again, awaited in ([], 4), (["--resume"], 8):
        running = subprocess.Popen([*command, *again], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        waited = checkpoint_path(tmp_path / "killed", "run", awaited)
        deadline = time.monotonic() + 200
        while not waited.exists() and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
    subprocess.run([*command, "--resume"], check=True, timeout=200)
    states = [load_checkpoint(checkpoint_path(tmp_path / n, "run", 12)) for n in ("whole", "killed")]
    assert last.exists()
    assert equal(*(trained(state) for state in states))


def test_a_pretraining_moves_its_teacher_and_is_tested_without_labels(tmp_path: Path) -> None:
    settings = pretraining("run")
    settings["trainer_cfg"] |= {"total_iter": 2, "with_test": True}
    results = train(load_config(settings), CPU)
    assert results is not None
    assert results.metrics
    weights = load_checkpoint(checkpoint_path(tmp_path / "run", "run", 2))["model"]
    key = "layer1.forward_block.0.conv1.weight"
    assert not torch.equal(weights[f"teacher_backbone.{key}"], weights[f"student_backbone.{key}"])


def test_own_walks_are_mixed_with_walkers_and_tested_as_they_are(tmp_path: Path) -> None:
    settings = load_config("foundationgait/own_data").data
    of = settings["data_cfg"]["of"]
    assert of["few"]["seed"] != Walkers().seed
    for who in ("1", "2", "3"):
        for kind in ("wk-01", "wk-02"):
            for view in ("000", "090"):
                write(tmp_path / "own" / who / kind / view / "0.pkl", person(8 + int(who)))
    probes = [f"{who}-wk-02-{view}" for who in ("2", "3") for view in ("000", "090")]
    listed = partition(tmp_path / "own.json", ["1"], ["2", "3"], PROBE_SET=probes)
    of["own"] |= {"dataset_root": str(tmp_path / "own"), "dataset_partition": str(listed)}
    of["many"], of["few"], settings["data_cfg"]["num_workers"] = WALKERS, None, 0
    settings["model_cfg"] |= {"Backbone": NARROW, "crop_list": [2, 1]}
    trainer = settings["trainer_cfg"]
    trainer |= {"total_iter": 2, "save_iter": 2}
    trainer["sampler"] |= {"of": {"type": "BilateralSampler", "batch_size": [2, 2]}, "frames_num_fixed": 2}
    results = train(load_config(settings | {"output_dir": str(tmp_path)}), CPU)
    assert results is not None
    assert (results.probes, results.gallery) == (4, 4)
    assert "cross-view@Rank-1" in results.metrics


def test_a_pretraining_that_recomputes_its_layers_is_the_same(tmp_path: Path) -> None:
    """Weights, and statistics of the student that were moved once, which the teacher follows."""
    ends = []
    for name, recompute in (("plain", []), ("again", ["student_backbone.layer?"])):
        settings = pretraining(name)
        settings["trainer_cfg"] |= {"total_iter": 2, "recompute": recompute}
        train(load_config(settings), CPU)
        ends.append(load_checkpoint(checkpoint_path(tmp_path / name, "run", 2)))
    assert equal(*(trained(state) for state in ends))
    assert int(ends[1]["model"]["student_backbone.layer0.forward_block.1.num_batches_tracked"]) == 4


def test_what_of_the_student_is_not_called_as_a_whole_is_told() -> None:
    settings = pretraining("run")
    settings["trainer_cfg"] |= {"total_iter": 1, "recompute": ["student_backbone"]}
    with pytest.raises(ConfigError, match="student_backbone was not called as a whole"):
        train(load_config(settings), CPU)


@pytest.mark.heavy
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configurations_train_a_step_on_walkers(name: str, tmp_path: Path) -> None:
    written = load_config(name)
    settings = written.data
    model, trainer = settings["model_cfg"], settings["trainer_cfg"]
    pretrains = model["model"] == "FoundationGait_Scaling"
    groups = len(model["crop_list"])
    batch = {"type": "TripletSampler", "batch_size": [2, groups]}
    if pretrains:
        batch = {"type": "OneSetSampler", "of": {"type": "BilateralSampler", "batch_size": [2, groups]}}
    kind = {**WALKERS, "nm": 1, "bg": 1, "cl": 1}
    of = {"many": kind, "few": {**kind, "seed": 1}}
    model["Backbone"]["channels"] = [4, 4, 4, 4]
    if "SeparateFCs" in model:
        model["SeparateFCs"] |= {"in_channels": 4, "out_channels": 4}
        model["SeparateBNNecks"] |= {"in_channels": 4, "class_num": 4}
    elif "SeparateBNNecks" in model:
        model["SeparateBNNecks"]["in_channels"] = 4 * 31
    kinds = {name: [pattern] for name, pattern in zip("abc", ("nm-*", "bg-*", "cl-*"), strict=True)}
    classes = {"classes": kinds} if "Probing_S" in model["model"] else {}
    settings["data_cfg"] = {"type": "mixture", "of": of} if pretrains else {**kind, **classes}
    settings["data_cfg"] |= {"num_workers": 0, "test_dataset_name": "CASIA-B"}
    frames = {"sample_type": "fixed_ordered", "frames_num_fixed": 2}
    trainer |= {"total_iter": 1, "save_iter": 1, "with_test": False, "restore_hint": 0}
    trainer |= {"sampler": {**batch, **frames}, "enable_float16": False}
    for reset in ("optimizer_reset", "scheduler_reset"):
        trainer.pop(reset, None)
    settings["run_dir"] = "run"
    train(load_config(settings), CPU)
    saved = load_checkpoint(checkpoint_path(tmp_path / "run", trainer["save_name"], 1))
    assert saved["iteration"] == 1


def test_the_pages_probe_of_ragar_trains_a_step_and_is_tested(tmp_path: Path) -> None:
    page = (DOCS / "foundation.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"<!-- file: ragar.yaml -->\n```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "ragar.yaml").write_text(written)
    for label, kind in product(("001", "002", "003", "004"), ("1_0_2", "1_1_0")):
        write(tmp_path / "data" / label / kind / "000" / "000.pkl", person(2))
    people = partition(tmp_path / "people.json", ["001", "002"], ["003", "004"])
    small = {
        "data_cfg.dataset_root": tmp_path / "data",
        "data_cfg.dataset_partition": people,
        "data_cfg.num_workers": 0,
        "model_cfg.Backbone.channels": [4, 4, 4, 4],
        "model_cfg.Backbone.layers": [1, 1, 1, 1],
        "model_cfg.SeparateBNNecks.in_channels": 4 * 31,
        "trainer_cfg.sampler.batch_size": [2, 2],
        "trainer_cfg.sampler.frames_num_fixed": 2,
        "trainer_cfg.total_iter": 1,
        "trainer_cfg.save_iter": 1,
        "trainer_cfg.with_test": True,
        "trainer_cfg.restore_hint": 0,
    }
    config = load_config("ragar.yaml", [f"{key}={value}" for key, value in small.items()])
    results = train(config, CPU)
    assert results is not None
    assert {"00@accuracy", "01@accuracy"} <= set(results.metrics)


@pytest.mark.parametrize("name", PUBLISHED)
def test_shipped_widths_give_the_published_keys_and_shapes(name: str) -> None:
    config = load_config(f"foundationgait/{name}")
    model = on_meta(config.model_cfg.build)
    published = golden_json("foundation/published")[PUBLISHED[name]]
    assert sum(parameter.numel() for parameter in model.parameters()) == published["parameters"]
    assert len(model.state_dict()) == published["entries"]
    if "state_dict" in published:
        assert [[key, list(x.shape)] for key, x in model.state_dict().items()] == published["state_dict"]


def walks(types: list[str], scores: np.ndarray) -> EmbeddingSet:
    n = len(types)
    names = np.array([f"{i:03d}" for i in range(n)])
    return EmbeddingSet(scores.astype(np.float32), names, np.array(types), names, "walks")


def protocol(name: str, **options: Any) -> Any:
    return gait_plugins.build("protocol", {"eval_func": name, **options})


def test_depression_is_scored_by_the_type() -> None:
    scores = np.zeros((4, 2, 1))
    scores[:, 1, 0] = [1, -1, 1, 1]  # depressed, healthy, depressed, depressed
    results = protocol("evaluate_dgait").evaluate(walks(["D01", "D02", "N01", "D03"], scores))
    assert results.details["confusions"] == [[0, 1], [1, 2]]
    assert results.metrics["accuracy"] == 50
    with pytest.raises(ConfigError, match="expected scores"):
        protocol("evaluate_dgait").evaluate(walks(["D01"], np.zeros((1, 3, 1))))
    with pytest.raises(DataError, match="no test sequence"):
        protocol("evaluate_dgait").evaluate(walks([], np.zeros((0, 2, 1))))


def test_attributes_are_scored_one_by_one() -> None:
    scores = np.zeros((2, 2, 5))
    scores[0, 1] = [1, 0, 0, 0, 1]  # 0, 2
    scores[1, 1] = [1, 0, 0, 0, 1]  # 0, 2
    results = protocol("evaluate_ragar", attributes=[2, 3]).evaluate(walks(["7_0_2", "9_1_2"], scores))
    assert results.metrics["00@accuracy"] == 50
    assert results.metrics["01@accuracy"] == 100
    assert results.metrics["accuracy"] == 75
    with pytest.raises(DataError, match="the type '9_2_2' does not say the values"):
        protocol("evaluate_ragar", attributes=[2, 3]).evaluate(walks(["7_0_2", "9_2_2"], scores))
    with pytest.raises(ConfigError, match="attributes is"):
        protocol("evaluate_ragar", attributes=[2, 3], names=["hat"])


def test_one_loss_is_meant_for_all_attributes() -> None:
    neck = {"class_num": 2, "in_channels": 124, "parts_num": 1}
    model = {
        "model": "FoundationGait_Scaling_LinearProbing_RAGAR",
        "Backbone": NARROW,
        "SeparateBNNecks": neck,
    }
    config = load_config(
        {
            "data_cfg": WALKERS,
            "model_cfg": {**model, "Attribute_list": [2, 3]},
            "loss_cfg": [{"type": "CrossEntropyLoss", "log_prefix": "softmax"}],
            "evaluator_cfg": {"eval_func": "evaluate_ragar"},
        }
    )
    assert [loss.log_prefix for loss in config.loss_cfg] == [f"softmax_{i:02d}" for i in range(5)]
    assert config.evaluator_cfg.protocol.options["attributes"] == [2, 3]


def test_a_triplet_loss_of_a_probe_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    settings = load_config("foundationgait/finetune_scoliosis1k_large").data
    settings["loss_cfg"].append({"type": "TripletLoss", "log_prefix": "triplet"})
    assert [loss.log_prefix for loss in load_config(settings).loss_cfg] == ["softmax"]
    assert "the triplet loss has no effect" in caplog.text
