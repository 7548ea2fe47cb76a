"""Configurations for own data, and of the checkpoint that one starts from: settings and a training each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.files.layout_files import partition, person, write

import gait_plugins
from gait_plugins.config import load_config, shipped

OWN = [name for name in shipped() if name.startswith("own_data/")]


@pytest.fixture
def walks(tmp_path: Path) -> list[str]:
    """Overrides that name four people, seen twice by two cameras, and make a training short."""
    for number in range(4):
        for kind in ("wk-01", "wk-02"):
            for view in ("000", "090"):
                write(tmp_path / f"{number:03d}" / kind / view / f"{view}.pkl", person(14 + number))
    probes = [f"{who}-wk-02-{view}" for who in ("002", "003") for view in ("000", "090")]
    listed = partition(tmp_path / "own.json", ["000", "001"], ["002", "003"], PROBE_SET=probes)
    return [
        f"data_cfg.dataset_root={tmp_path}",
        f"data_cfg.dataset_partition={listed}",
        "data_cfg.num_workers=0",
        "model_cfg.SeparateBNNecks.class_num=2",
        "trainer_cfg.sampler.batch_size=[2, 2]",
        "trainer_cfg.total_iter=1",
        "trainer_cfg.save_iter=1",
        f"output_dir={tmp_path / 'runs'}",
    ]


def test_each_has_a_run_of_its_own_that_is_tested_at_its_end() -> None:
    assert OWN == ["own_data/gaitbase", "own_data/trackletgait"]
    found = [load_config(name) for name in OWN]
    assert [c.trainer_cfg.save_name for c in found] == ["OwnData_GaitBase", "OwnData_TrackletGait"]
    for config in found:
        assert config.evaluator_cfg.save_name == config.trainer_cfg.save_name
        assert config.evaluator_cfg.restore_hint == config.trainer_cfg.total_iter


@pytest.mark.parametrize("name", OWN)
def test_a_training_tells_how_well_people_are_found_across_views(name: str, walks: list[str]) -> None:
    results = gait_plugins.train(load_config(name, walks), device="cpu").results
    assert results is not None
    assert (results.probes, results.gallery) == (4, 4)
    assert "cross-view@Rank-1" in results.metrics


def without_classes(model: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in model.items() if key != "SeparateBNNecks"}


def test_trackletgait_starts_from_the_checkpoint_of_walkers(walks: list[str], tmp_path: Path) -> None:
    before = load_config("walkers/pretrained")
    config = load_config("own_data/trackletgait", walks)
    assert without_classes(before.data["model_cfg"]) == without_classes(config.data["model_cfg"])
    assert before.data["trainer_cfg"]["sampler"]["frames_num_fixed"] == 12
    small = ["data_cfg.train=2", "data_cfg.test=0", "data_cfg.frames=12", f"data_cfg.cache_dir={tmp_path}"]
    short = [line for line in walks if line.startswith(("trainer_cfg", "output_dir"))]
    made = gait_plugins.train(load_config("walkers/pretrained", small + short), device="cpu").checkpoint
    init = f"trainer_cfg.init={{from: {made}, drop_head: true}}"
    found = gait_plugins.train(load_config("own_data/trackletgait", [*walks, init]), device="cpu")
    assert found.results is not None
