"""Models of maps are trained and tested by a YAML, on walkers of several streams, as OpenGait writes it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from gait_plugins import SequenceIndex, SequenceRef
from gait_plugins.config import load_config
from gait_plugins.core.assembly.batches import batch_maker
from gait_plugins.core.assembly.components import build_dataset
from gait_plugins.core.data.classes import Classes
from gait_plugins.core.data.host_batch import Divider
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

BACKBONE = {"blocks": [1, 1, 1, 1], "channels": [4, 4, 8, 8]}
LAYERS = {"mode": "p3d", "layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8], "in_channels": 2}
GROUPS = {**BACKBONE, "part1_channel": 2, "part2_channel": 3}
NECKS = {"SeparateBNNecks": {"class_num": 4}}
THREE = ["silhouettes", "parsing", "flow"]
AUGMENTED = {
    "type": "Compose",
    "trf_cfg": [
        {"type": "RandomPerspective", "prob": 0.5},
        {"type": "BaseSilCuttingTransform"},
        {"type": "RandomHorizontalFlip", "prob": 0.5},
        {"type": "RandomRotate", "prob": 0.5},
    ],
}
SCONET = {
    "backbone_cfg": {"type": "ResNet9", "channels": [4, 4, 8, 8], "layers": [1, 1, 1, 1], "maxpool": False},
    "SeparateFCs": {"parts_num": 16, "in_channels": 8, "out_channels": 6},
    "SeparateBNNecks": {"parts_num": 16, "in_channels": 6, "class_num": 3},
    "bin_num": [16],
}
MODELS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "SkeletonGait": ({"model": "DeepGaitV2", "Backbone": LAYERS, **NECKS}, ["skeleton_maps"]),
    "SkeletonGait++": (
        {"model": "SkeletonGaitPP", "Backbone": BACKBONE, **NECKS},
        ["silhouettes", "skeleton_maps"],
    ),
    "MultiGait++": ({"model": "MultiGaitpp", "Backbone": GROUPS, "streams": THREE, **NECKS}, THREE),
    "ScoNet": ({"model": "ScoNet", **SCONET}, ["silhouettes"]),
}


def written(tmp_path: Path, name: str, **data: Any) -> dict[str, Any]:
    """The configuration of a short training, in OpenGait's form: one transform, whatever the streams."""
    model, streams = MODELS[name]
    walkers = {
        "type": "walkers",
        "train": 4,
        "test": 2,
        "frames": 6,
        "bg": 0,
        "cl": 0,
        "views": ["054", "090"],
        "streams": streams,
        "gait_classes": name == "ScoNet",
        "num_workers": 0,
        "dataset_name": "CASIA-B",
        "test_dataset_name": "CASIA-B",
    }
    test = "evaluate_scoliosis" if name == "ScoNet" else "evaluate_indoor_dataset"
    return {
        "output_dir": str(tmp_path / "out"),
        "data_cfg": {**walkers, **data},
        "model_cfg": model,
        "loss_cfg": [
            {"type": "TripletLoss", "log_prefix": "triplet", "margin": 0.2},
            {"type": "CrossEntropyLoss", "log_prefix": "softmax", "scale": 16},
        ],
        "optimizer_cfg": {"solver": "SGD", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0005},
        "trainer_cfg": {
            "save_name": "maps",
            "total_iter": 2,
            "save_iter": 2,
            "log_iter": 1,
            "with_test": True,
            "enable_float16": False,
            "sampler": {
                "type": "TripletSampler",
                "batch_size": [2, 2],
                "sample_type": "fixed_ordered",
                "frames_num_fixed": 4,
            },
            "transform": [AUGMENTED],
        },
        "evaluator_cfg": {
            "restore_hint": 2,
            "eval_func": test,
            "enable_float16": False,
            "sampler": {"type": "InferenceSampler", "batch_size": 3, "sample_type": "all_ordered"},
            "transform": [{"type": "BaseSilCuttingTransform"}],
        },
    }


def loaded(tmp_path: Path, cfg: dict[str, Any], *overrides: str) -> Any:
    file = tmp_path / "maps.yaml"
    file.write_text(yaml.safe_dump(cfg, sort_keys=False))
    return load_config(str(file), overrides=overrides)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_maps_is_trained_and_tested_by_a_yaml(name: str, tmp_path: Path) -> None:
    results = train(loaded(tmp_path, written(tmp_path, name)), RunOptions(device="cpu"))
    assert results is not None
    assert results.probes > 0
    assert all(np.isfinite(value) for value in results.metrics.values())


@pytest.mark.parametrize("name", MODELS)
def test_the_steps_are_finite_in_bfloat16(name: str, tmp_path: Path) -> None:
    config = loaded(tmp_path, written(tmp_path, name), "trainer_cfg.precision=bf16-mixed")
    assert train(config, RunOptions(device="cpu")) is not None


def test_one_transform_of_several_pictures_is_a_joint_one(tmp_path: Path) -> None:
    config = loaded(tmp_path, written(tmp_path, "SkeletonGait++"))
    for section in (config.trainer_cfg, config.evaluator_cfg):
        joint = section.plain()["joint_transform"][0]
        assert joint["streams"] == ["skeleton_maps", "silhouettes"]
        assert section.plain()["transform"] == {"skeleton_maps": None, "silhouettes": None}
    assert config.trainer_cfg.plain()["joint_transform"][0]["trf_cfg"][0]["type"] == "Compose"


@pytest.mark.parametrize("phase", ["train", "test"])
def test_every_stream_comes_in_one_range_and_size(phase: Any, tmp_path: Path) -> None:
    config = loaded(tmp_path, written(tmp_path, "MultiGait++"))
    dataset, model = build_dataset(config), config.model_cfg.build()
    index = SequenceIndex(dataset.sequences(phase))
    maker = batch_maker(config, dataset, index, phase, model.streams)
    divide = Divider(maker.transforms, maker.taken.streams, maker.joint)
    batch = divide(maker.make(0), torch.device("cpu"))
    assert batch.names == tuple(THREE)
    assert [tuple(x.shape[-2:]) for x in batch.inputs] == [(64, 44)] * 3
    assert all(0.5 < float(x.max()) <= 1 for x in batch.inputs)


def test_transforms_by_name_stay_as_they_are(tmp_path: Path) -> None:
    cfg = written(tmp_path, "SkeletonGait++")
    own = {name: {"type": "BaseSilCuttingTransform"} for name in MODELS["SkeletonGait++"][1]}
    cfg["trainer_cfg"]["transform"] = own
    found = loaded(tmp_path, cfg).trainer_cfg.plain()
    assert found["transform"] == own
    assert not found.get("joint_transform")


def test_the_channels_that_the_published_files_leave_out_are_written_down(tmp_path: Path) -> None:
    config = loaded(tmp_path, written(tmp_path, "MultiGait++"))
    assert config.model_cfg.options["Backbone"]["in_channels"] == 5


@pytest.mark.parametrize("types", [("negative", "neutral", "positive"), ("Negative", "NEUTRAL", "Positive")])
def test_the_classes_of_scoliosis_are_known_however_they_are_written(
    types: tuple[str, ...], tmp_path: Path
) -> None:
    patterns = loaded(tmp_path, written(tmp_path, "ScoNet")).data_cfg.classes
    assert [Classes(patterns).of(SequenceRef("1", name, "0", None)) for name in types] == [0, 1, 2]


def test_other_classes_are_those_that_are_named(tmp_path: Path) -> None:
    own = {"slow": ["neutral*"], "fast": ["negative*", "positive*"]}
    assert loaded(tmp_path, written(tmp_path, "ScoNet", classes=own)).data_cfg.classes == own


def test_packed_maps_train_as_frames_of_one_length(tmp_path: Path) -> None:
    cfg = written(tmp_path, "SkeletonGait++")
    cfg["trainer_cfg"]["sampler"] |= {
        "sample_type": "unfixed_ordered",
        "frames_num_min": 3,
        "frames_num_max": 5,
    }
    del cfg["trainer_cfg"]["sampler"]["frames_num_fixed"]
    assert train(loaded(tmp_path, cfg), RunOptions(device="cpu")) is not None


def test_files_of_maps_and_silhouettes_are_read_in_the_order_of_the_folder(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for person in ("001", "002", "003", "004"):
        for kind in ("nm-01/054", "nm-05/090"):
            folder = tmp_path / "data" / person / kind
            folder.mkdir(parents=True)
            maps = rng.integers(0, 256, (6, 2, 64, 64)).astype(np.uint8)
            seen = (rng.integers(0, 2, (6, 64, 44)) * 255).astype(np.uint8)
            for name, frames in (("0_heatmap", maps), ("1_sil", seen)):
                (folder / f"{name}.pkl").write_bytes(pickle.dumps(frames))
    people = {"TRAIN_SET": ["001", "002"], "TEST_SET": ["003", "004"]}
    (tmp_path / "p.json").write_text(json.dumps(people))
    cfg = written(tmp_path, "SkeletonGait++")
    cfg["data_cfg"] = {
        "dataset_name": "CASIA-B",
        "test_dataset_name": "CASIA-B",
        "dataset_root": str(tmp_path / "data"),
        "dataset_partition": str(tmp_path / "p.json"),
        "data_in_use": [True, True],
        "num_workers": 0,
    }
    assert train(loaded(tmp_path, cfg), RunOptions(device="cpu")) is not None
