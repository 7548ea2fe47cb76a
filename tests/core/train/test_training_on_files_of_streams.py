"""Folders of many files a walk, of two clocks and ragged clouds: by name, by place, packed, exported."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from helpers.components.tiny_training import equal, trained
from torch import nn
from typer.testing import CliRunner

from gait_plugins import SILHOUETTES, GaitModel, Stream, hookimpl
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.nn.ragged_frames import pool_frames
from gait_plugins.registry.manager import Manager, use_manager

POINTS = Stream("points", (None, 3), "float32")


class Clouds(GaitModel):
    """A part from the clouds, and one from the silhouettes at their moments."""

    streams = (POINTS, SILHOUETTES)

    def __init__(self) -> None:
        super().__init__()
        self.cloud, self.picture = nn.Linear(3, 8), nn.Linear(64 * 64, 8)

    def forward(self, batch: Any) -> Any:
        points = batch.stream("points")
        cloud = pool_frames(points._replace(values=self.cloud(points.values)))
        picture = self.picture(batch.stream("silhouettes").flatten(2).flatten(0, 1))
        lens = batch.seq_lens
        counts = [len(cloud) // len(batch.labels)] * len(batch.labels) if lens is None else lens[0].tolist()
        parts = [torch.stack([x.mean(0) for x in part.split(counts)]) for part in (cloud, picture)]
        return self.outputs(torch.stack(parts, 2), batch)


class Plugin:
    """Offers the model."""

    @hookimpl
    def gait_models(self) -> dict[str, type]:
        return {"Clouds": Clouds}


def write(root: Path) -> None:
    """Sixteen pickles a walk: a scanner of 10 Hz, cameras of 30 Hz, and the same again brought into step."""
    for who in ("0001", "0002", "0003", "0004"):
        for view in ("000", "090"):
            rng = np.random.default_rng([int(who), int(view)])
            folder = root / "data" / who / "00-nm" / view
            folder.mkdir(parents=True)
            clouds = [rng.normal(size=(rng.integers(20, 60), 3)) + int(who) for _ in range(8)]
            people = rng.integers(0, 2, (24, 64, 44)).astype(np.uint8) * 255
            pictures = np.pad(people, ((0, 0), (0, 0), (10, 10)))
            for number in range(16):
                other = pictures if number in (6, 7) else rng.normal(size=(24, 17, 3))
                content: Any = clouds if number == 0 else other
                name = "LiDAR-PCDs" if number == 0 else "Camera"
                (folder / f"{number:02d}-{name}.pkl").write_bytes(pickle.dumps(content))
    sets = {"TRAIN_SET": ["0001", "0002"], "TEST_SET": ["0003", "0004"]}
    (root / "sets.json").write_text(json.dumps(sets))


def settings(root: Path, **data: Any) -> dict[str, Any]:
    return {
        "data_cfg": {
            "dataset_name": "clouds",
            "dataset_root": str(root / "data"),
            "dataset_partition": str(root / "sets.json"),
            "num_workers": 0,
            **data,
        },
        "model_cfg": {"model": "Clouds"},
        "loss_cfg": {"type": "TripletLoss", "log_prefix": "triplet"},
        "optimizer_cfg": {"solver": "SGD", "lr": 0.01, "weight_decay": 0},
        "trainer_cfg": {
            "save_name": "clouds",
            "total_iter": 3,
            "save_iter": 3,
            "enable_float16": False,
            "sampler": {"type": "TripletSampler", "batch_size": [2, 2], "sample_type": "fixed_ordered",
                        "frames_num_fixed": 4},
            "transform": {"silhouettes": {"type": "BaseSilTransform"}},
        },
        "evaluator_cfg": {"transform": {"silhouettes": {"type": "BaseSilTransform"}}},
    }  # fmt: skip


def tell(*words: str | Path) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


STREAMS = {"points": {"type": "Points", "clock": 10}, "silhouettes": {"type": "Silhouettes", "clock": 30}}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    manager = Manager(allow=[])
    manager.register(Plugin(), distribution="clouds", version="1.0")
    use_manager(manager)

    def state(name: str, **data: Any) -> dict[str, Any]:
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(settings(tmp_path, **data), sort_keys=False))
        config = load_config(str(path), overrides=[f"output_dir={tmp_path / name}"])
        train(config, RunOptions(device="cpu"))
        return trained(
            load_checkpoint(checkpoint_path(tmp_path / name / "clouds/Clouds/clouds", "clouds", 3))
        )

    yield state
    use_manager(None)


def test_the_same_weights_come_from_files_by_name_by_place_packed_and_exported(run: Any, tmp_path: Path):
    write(tmp_path)
    by_name = run("name", streams=STREAMS, files={"points": "00-*", "silhouettes": "06-*"})
    assert equal(by_name, run("place", streams=STREAMS, data_in_use=[0, 6]))
    tell("data", "check", tmp_path / "name.yaml")
    assert "stream points" in tell("config", "check", tmp_path / "name.yaml")
    assert "takes points: [m, 3] float32" in tell("config", "explain", "Clouds")
    tell("data", "pack", tmp_path / "name.yaml", tmp_path / "p.npz")
    packed = {"type": "PackedSilhouettes", "dataset_root": str(tmp_path / "p.npz")}
    assert equal(by_name, run("packed", **packed))
    tell("data", "export", tmp_path / "name.yaml", "--out", tmp_path / "tree")
    assert equal(by_name, run("tree", streams=STREAMS, dataset_root=str(tmp_path / "tree")))


def test_the_frames_of_both_clocks_are_of_the_same_moments(run: Any, tmp_path: Path):
    write(tmp_path)
    right = run("right", streams=STREAMS, data_in_use=[0, 6])
    slower = {**STREAMS, "silhouettes": {"type": "Silhouettes", "clock": 29}}
    assert not equal(right, run("other", streams=slower, data_in_use=[0, 6]))
