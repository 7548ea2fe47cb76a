"""Writing recipes: settings, overrides and inheritance, and how recipes are named, run and explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from helpers.components.tiny_recipe import RECIPE_YAML, write_recipe
from typer.testing import CliRunner

from gait_plugins import ConfigError
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.config.recipe.load import find_recipe, load_recipe


def test_settings_follow_an_earlier_stage(tmp_path: Path):
    recipe = load_recipe(write_recipe(tmp_path), ["base.model_cfg.dropout=0.3"])
    assert recipe["beside"].config.data["model_cfg"]["inner"] == {"model": "TinyModel", "dropout": 0.3}


def test_overrides_for_all_stages_for_one_and_for_the_recipe(tmp_path: Path):
    recipe = load_recipe(
        write_recipe(tmp_path),
        ["trainer_cfg.seed=3", "base.trainer_cfg.save_iter=1", "beside.freeze=[]", "name=x"],
    )
    base, beside = (stage.config.trainer_cfg for stage in recipe.stages)
    assert (base.seed, beside.seed, base.save_iter, beside.save_iter) == (3, 3, 1, 2)
    assert beside.freeze == []
    assert recipe["base"].folder == tmp_path / "output" / "x" / "base"


def test_inline_configurations_may_inherit(tmp_path: Path):
    text = RECIPE_YAML.replace(
        "cfgs: tiny.yaml\n    overrides: {trainer_cfg: {total_iter: 4}}", "cfgs: {inherits: tiny.yaml}"
    )
    assert load_recipe(write_recipe(tmp_path, text))["base"].config.trainer_cfg.total_iter == 6


def test_a_recipe_is_no_configuration(tmp_path: Path):
    path = write_recipe(tmp_path)
    with pytest.raises(ConfigError, match=r"pair.yaml:2: this is a recipe"):
        load_config(str(path))
    with pytest.raises(ConfigError, match=r"expected a recipe"):
        load_recipe(tmp_path / "tiny.yaml")


def test_plugins_offer_recipes_by_name(tmp_path: Path):
    found = find_recipe("two_stages")
    assert found is not None
    assert found.name == "tiny_recipe.yaml"
    assert find_recipe("tiny-gait/two_stages") == found
    with pytest.raises(ConfigError, match="did you mean the recipe 'two_stages' of a plugin"):
        find_recipe("two_stage")


def test_the_command_line_takes_recipes(tmp_path: Path):
    path = str(write_recipe(tmp_path))
    checked = CliRunner().invoke(app, ["config", "check", path])
    assert checked.exit_code == 0, checked.output
    assert "first <- base: 9 of 9 weights" in checked.output
    assert "frozen: first" in checked.output
    resolved = CliRunner().invoke(app, ["config", "check", path, "--resolved"])
    assert list(yaml.safe_load(resolved.output)) == ["base", "beside"]
    for words in (["train", path, "--device", "cpu"], ["test", path, "--stage", "base", "--device", "cpu"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        assert "nearest other sequence" in done.output
    file = tmp_path / "output" / "pair" / "beside" / "checkpoints" / "beside-00006.pt"
    shown = CliRunner().invoke(app, ["checkpoint", "show", str(file)])
    assert "first <- " in shown.output.partition("started from")[2]
    for words in (
        ["train", path, "--init-from", "x.pt"],
        ["test", path, "--iter", "3"],
        ["train", str(tmp_path / "tiny.yaml"), "--stage", "base"],
    ):
        assert CliRunner().invoke(app, words).exit_code == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stages", "One training of a recipe"),
        ("stages.settings", "STAGE.key"),
        ("recipe", "stages: list[mapping of name, cfgs,"),
        ("trainer_cfg.keep_best", "mapping of metric, mode"),
    ],
)
def test_the_keys_are_explained(name: str, words: str):
    explained = CliRunner().invoke(app, ["config", "explain", name])
    assert explained.exit_code == 0, explained.output
    assert words in explained.output


def test_editors_get_a_schema_of_recipes():
    schema = json.loads(CliRunner().invoke(app, ["config", "schema", "--recipe"]).output)
    stage = schema["properties"]["stages"]["items"]
    assert stage["additionalProperties"] is False
    assert {"name", "cfgs", "init", "freeze"} <= stage["properties"].keys()
