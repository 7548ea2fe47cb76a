"""The recipe of ResGait on walkers, at a tiny size: all stages, around any model, and its report."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_resgait import RECIPE, tiny_settings

from gait_plugins.config.recipes import load_recipe
from gait_plugins.core.checkpoint import load_checkpoint
from gait_plugins.core.options import RunOptions
from gait_plugins.core.recipes import last_checkpoint, train_recipe
from gait_plugins.core.retention import retention

MODELS = {
    "Baseline": [],
    "TrackletGait": ["gse.cfgs.inherits.0=walkers/trackletgait"],
    "StripNet": ["gse.cfgs.inherits.0={strip_gait}/strip_walkers.yaml"],
}
"""Name -> the one line that chooses it."""


@pytest.mark.parametrize("name", MODELS)
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
