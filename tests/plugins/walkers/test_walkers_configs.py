"""The configurations on walkers: each trains a step and is tested on few people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.components.tiny_training import equal, trained

from gait_plugins.config import load_config, shipped
from gait_plugins.core.checkpoints.files import load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

FEW = {"train": 4, "test": 2, "frames": 6, "nm": 6, "bg": 1, "cl": 1, "views": ["072", "090"]}
NAMES = [name for name in shipped() if name.startswith("walkers/") and name != "walkers/gei"]
"""Of a Gait Energy Image nothing is learnt."""


@pytest.mark.heavy
@pytest.mark.parametrize("name", NAMES)
def test_it_trains_a_step_and_is_tested(name: str, tmp_path: Path) -> None:
    settings = [f"data_cfg.{key}={value}" for key, value in FEW.items()]
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


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["walkers/trackletgait", "walkers/gaitbase"])
def test_in_bfloat16_a_resumed_start_and_workers_change_no_bit(name: str, tmp_path: Path) -> None:
    settings = [f"data_cfg.{key}={value}" for key, value in FEW.items()]
    settings += ["trainer_cfg.sampler.batch_size=[2, 2]", "trainer_cfg.precision=bf16-mixed"]
    settings += ["trainer_cfg.with_test=false", "trainer_cfg.save_iter=2"]

    def end(folder: str, workers: int, steps: int = 4, resume: bool = False) -> dict[str, Any]:
        own = [f"run_dir={tmp_path / folder}", f"data_cfg.num_workers={workers}"]
        config = load_config(name, [*settings, *own, f"trainer_cfg.total_iter={steps}"])
        train(config, RunOptions(device="cpu", resume=resume))
        return trained(load_checkpoint(tmp_path / folder / "checkpoints" / f"demo-{steps:05d}.pt"))

    whole = end("whole", 0)
    assert equal(end("workers", 2), whole)
    end("resumed", 0, steps=2)
    assert equal(end("resumed", 1, resume=True), whole)
