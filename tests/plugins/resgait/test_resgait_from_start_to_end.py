"""The recipe of ResGait on walkers, at a tiny size: all stages, around any model, killed, and its report."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from helpers.components.tiny_resgait import RECIPE, tiny_settings
from helpers.components.tiny_training import equal, trained
from helpers.programs.kill_recipe import kill_often

from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.recipes.run import last_checkpoint, train_recipe
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.plugins.resgait.retention.report import retention

MODELS = {
    "Baseline": [],
    "TrackletGait": ["gse.cfgs.inherits.0=walkers/trackletgait"],
    "StripNet": ["gse.cfgs.inherits.0={strip_gait}/strip_walkers.yaml"],
}
"""Name -> the one line that chooses it."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "StripNet" else pytest.mark.heavy) for name in MODELS]
)
def test_three_stages_around_any_model(name: str, tmp_path: Path, strip_gait: Path) -> None:
    chosen = [line.format(strip_gait=strip_gait) for line in MODELS[name]]
    stages = load_recipe(RECIPE, tiny_settings(tmp_path, chosen))
    train_recipe(stages, RunOptions(device="cpu"))
    gse, residual = (load_checkpoint(last_checkpoint(stages[stage])) for stage in ("gse", "residual"))
    assert gse["config"]["model_cfg"]["model"] == name
    frozen = {
        key.removeprefix("full_component."): value
        for key, value in residual["model"].items()
        if key.startswith("full_component.")
    }
    assert frozen
    assert all(torch.equal(value, gse["model"][key]) for key, value in frozen.items())
    assert any(
        not torch.equal(residual["model"][f"mimic_component.{key}"], value) for key, value in frozen.items()
    )
    report = retention(stages["gse"].folder, stages["residual"].folder)
    assert [row.condition for row in report.rows] == ["top 40%", "bottom 40%"]
    assert report.figures == ("NM@R1", "BG@R1", "CL@R1")


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and process groups")
def test_kills_in_the_second_stage_leave_no_trace(tmp_path: Path) -> None:
    quick = ["trainer_cfg.save_iter=1", "trainer_cfg.with_test=false", "gse.trainer_cfg.total_iter=8"]
    settings, output = tiny_settings(tmp_path, quick), tmp_path / "output"
    seen = kill_often(RECIPE, "gse", output, 2, settings)
    assert seen.pop("with_checkpoints") in (1, 2)  # the first step may be done before the first kill is
    assert seen == {"killed": 2, "in_stage": 2}
    for stage, steps in (("oem", 2), ("gse", 8), ("residual", 3)):
        whole, killed = (
            load_checkpoint(checkpoint_path(output / name / stage, stage, steps))
            for name in ("whole", "killed")
        )
        assert equal(trained(whole), trained(killed)), stage
