"""The shipped recipes of ResGait, and its page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from helpers.components.tiny_resgait import tiny_settings
from helpers.places import DOCS

from gait_plugins.config import load_config
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.config.yaml.sources import shipped_recipes
from gait_plugins.core.recipes.checks import check_data, check_stages
from gait_plugins.errors import ConfigError

PAGE = (DOCS / "resgait.md").read_text(encoding="utf-8")
PARTS = ["full_component", "mimic_component", "BNNecks", "occ_detector"]
SMALL = ["resgait/walkers", "resgait/own_data"]
"""Recipes whose first line of the stage ``gse`` names the model."""
RECIPES = [name for name in shipped_recipes() if name.startswith("resgait/")]


@pytest.mark.parametrize("name", RECIPES)
def test_every_stage_is_scored_under_the_conditions_of_the_next(name: str) -> None:
    stages = load_recipe(name)
    gse, residual = stages["gse"].config, stages["residual"].config
    assert stages["oem"].config.model_cfg.name == "OEM"
    conditions = [config.data["evaluator_cfg"]["conditions"] for config in (gse, residual)]
    assert conditions[0] == conditions[1]
    assert len(conditions[0]) >= 6
    assert gse.evaluator_cfg.protocol.name == residual.evaluator_cfg.protocol.name
    assert gse.trainer_cfg.with_test
    assert residual.trainer_cfg.with_test
    assert set(stages["residual"].takes) >= {"full_component", "BNNecks", "occ_detector"}


@pytest.mark.parametrize("recipe", SMALL)
def test_another_model_in_one_line(recipe: str) -> None:
    stages = load_recipe(recipe, ["gse.cfgs.inherits.0=walkers/trackletgait"])
    residual = stages["residual"].config
    assert stages["gse"].config.model_cfg.name == "TrackletGait"
    assert (
        residual.counted(lambda name: 2).model_cfg.build().full_component.__class__.__name__ == "TrackletGait"
    )
    assert [loss.component.name for loss in residual.loss_cfg] == ["TripletLoss_HardEx", "CrossEntropyLoss"]
    assert residual.trainer_cfg.sampler.frames.name == "tracklet_mix_p"
    fits = check_stages(stages)["residual"]
    assert [fit.part.target for fit in fits if fit.report] == PARTS


@pytest.mark.parametrize("recipe", SMALL)
def test_a_strangers_model_without_a_classifier_in_one_line(recipe: str, strip_gait: Path) -> None:
    stages = load_recipe(recipe, [f"gse.cfgs.inherits.0={strip_gait / 'strip_walkers.yaml'}"])
    assert stages["residual"].config.data["model_cfg"]["gse"]["model"] == "StripNet"
    fits = check_stages(stages)["residual"]
    assert [fit.part.target for fit in fits if fit.report] == [part for part in PARTS if part != "BNNecks"]
    assert [fit.part.target for fit in fits if fit.report is None] == ["BNNecks"]


def test_what_the_mixer_is_fitted_by_is_missed_before_the_first_stage(tmp_path: Path) -> None:
    forgotten = ["residual.trainer_cfg.transform.0.trf_cfg.1.keep_whole=false"]
    check_data(load_recipe("resgait/walkers", tiny_settings(tmp_path)).stages)
    with pytest.raises(ConfigError, match="the batches lack the frames before occlusion") as caught:
        check_data(load_recipe("resgait/walkers", tiny_settings(tmp_path, forgotten)).stages)
    assert "walkers.yaml" in str(caught.value.where)
    assert "keep_whole: true" in str(caught.value.hint)


def test_the_page_names_every_recipe_and_commands_that_load() -> None:
    assert set(re.findall(r"`(resgait/\w+)`", PAGE)) >= set(RECIPES)
    commands = PAGE.replace("\\\n", "")
    for line in re.findall(r"^gait-plugins train (.+)$", commands, re.MULTILINE):
        name, *rest = shlex.split(line)
        assert load_recipe(name, [text for text in rest if text != "-o"])["residual"]


def test_the_pages_conditions_are_conditions() -> None:
    block = re.search(r"```yaml\n(evaluator_cfg:\n.*?)```", PAGE, re.DOTALL)
    assert block is not None
    import yaml

    given = yaml.safe_load(block[1])["evaluator_cfg"]
    config = load_config("walkers/gei", [f"evaluator_cfg.conditions={given['conditions']}"])
    assert list(config.evaluator_cfg.conditions) == ["top 20%", "top 40%", "moving 20%"]
