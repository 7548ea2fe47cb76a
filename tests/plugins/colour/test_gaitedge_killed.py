"""The recipe of GaitEdge on walkers, at a tiny size: killed in a stage, it ends as the one never killed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.components.tiny_training import equal, trained
from helpers.programs.kill_recipe import kill_often

from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint

STEPS = {"segmentation": 1, "gaitgl": 6, "both": 6}
SETTINGS = [
    "data_cfg.train=4",
    "data_cfg.test=2",
    "data_cfg.frames=6",
    'data_cfg.views=["072", "090"]',
    "data_cfg.num_workers=0",
    "trainer_cfg.save_iter=1",
    "trainer_cfg.with_test=false",
    "trainer_cfg.sampler.batch_size=[2, 2]",
    "trainer_cfg.sampler.frames_num_fixed=3",
    "gaitgl.model_cfg.channels=[2, 4, 6]",
    "gaitgl.model_cfg.class_num=4",
    "both.model_cfg.GaitGL={channels: [2, 4, 6], class_num: 4}",
    *(f"{stage}.trainer_cfg.total_iter={steps}" for stage, steps in STEPS.items()),
    *(f"{stage}.evaluator_cfg.restore_hint={steps}" for stage, steps in STEPS.items()),
]


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and process groups")
@pytest.mark.parametrize("stage", ["gaitgl", "both"])
def test_kills_in_a_stage_leave_no_trace(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))
    seen = kill_often("gaitedge/walkers", stage, tmp_path, 2, SETTINGS)
    assert seen.pop("with_checkpoints") in (1, 2)  # the first step may be done before the first kill is
    assert seen == {"killed": 2, "in_stage": 2}
    for name, steps in STEPS.items():
        whole, killed = (
            load_checkpoint(checkpoint_path(tmp_path / run / name, name, steps))
            for run in ("whole", "killed")
        )
        assert equal(trained(whole), trained(killed)), name
