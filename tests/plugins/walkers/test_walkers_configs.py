"""The configurations on walkers: each trains a step and is tested on few people."""

from __future__ import annotations

from pathlib import Path

import pytest

from gait_plugins.config import load_config, shipped
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

NAMES = [name for name in shipped() if name.startswith("walkers/") and name != "walkers/gei"]
"""Of a Gait Energy Image nothing is learnt."""


@pytest.mark.heavy
@pytest.mark.parametrize("name", NAMES)
def test_it_trains_a_step_and_is_tested(name: str, tmp_path: Path) -> None:
    few = {"train": 4, "test": 2, "frames": 6, "nm": 6, "bg": 1, "cl": 1, "views": ["072", "090"]}
    settings = [f"data_cfg.{key}={value}" for key, value in few.items()]
    settings += ["data_cfg.num_workers=0", f"output_dir={tmp_path}"]
    config = load_config(name)
    pairs = config.trainer_cfg.sampler.batch.name != "CommonSampler"
    settings += [f"trainer_cfg.sampler.batch_size={[2, 2] if pairs else 4}"]
    short = {"total_iter": 1, "save_iter": 1, "with_test": True}
    settings += [f"trainer_cfg.{key}={value}" for key, value in short.items()]
    settings += ["evaluator_cfg.restore_hint=1"]
    results = train(load_config(name, settings), RunOptions(device="cpu"))
    assert results is not None
    assert any(key.startswith("NM") for key in results.metrics)
