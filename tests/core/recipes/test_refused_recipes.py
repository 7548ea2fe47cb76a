"""Refused recipes: what is wrong is said before the first stage trains, in words for its stage."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.components.tiny_recipe import RECIPE_YAML, run, write_recipe

from gait_plugins import ConfigError
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.recipes.checks import check_stages, of_stage
from gait_plugins.errors import GaitPluginsError


def test_no_stage_is_trained_where_a_later_one_cannot_be(tmp_path: Path):
    with pytest.raises(ConfigError, match="SparseAdam of torch cannot train this model"):
        run(write_recipe(tmp_path), "beside.optimizer_cfg.solver=SparseAdam")
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("base", r"pair.yaml:3: gone.pt: there is no such"),
        ("beside", r"pair.yaml:6: .*weights are given twice: by trainer_cfg.restore_hint \(.*\) and by init"),
    ],
)
def test_a_file_that_a_configuration_starts_from_itself_is_looked_at(tmp_path: Path, stage: str, words: str):
    with pytest.raises(GaitPluginsError, match=words):
        run(write_recipe(tmp_path), f"{stage}.trainer_cfg.restore_hint=gone.pt")


def test_flags_of_one_training_are_refused(tmp_path: Path):
    path = write_recipe(tmp_path)
    with pytest.raises(ConfigError, match="exclude each other"):
        run(path, resume=True, overwrite=True)
    with pytest.raises(ConfigError, match="--init-from is for a single training"):
        run(path, init_from=path)


def test_advice_is_for_the_stage_that_it_is_about(tmp_path: Path):
    path = write_recipe(tmp_path)
    with pytest.raises(ConfigError) as caught, of_stage(load_recipe(path)["beside"]):
        raise ConfigError("no", hint="-o trainer_cfg.seed=0 or -o name=x")
    assert caught.value.hint == "-o beside.trainer_cfg.seed=0 or -o name=x"
    late = "beside.evaluator_cfg.conditions={a: [{type: BaseSilTransform}, null]}"
    with pytest.raises(
        ConfigError, match=r"pair.yaml:6: evaluator_cfg.conditions.a: the condition has 2 transforms"
    ):
        run(path, late)
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("freeze: [first]", "freze: [first]", r"pair.yaml:11: stages.1.freze: (?s:.*)did you mean 'freeze'"),
        ("stages:", "stages: 3\nx:", r"pair.yaml:2: stages: expected"),
        ("name: beside", "name: base", r"pair.yaml:6: two stages are named 'base'"),
        ("name: beside", "name: model_cfg", r"cannot be named 'model_cfg'"),
        (
            "first: base",
            "first: bese",
            r"pair.yaml:10: no stage 'bese' before 'beside'\n  -> .*'base'",
        ),
        ("first: base", "first: beside", r"'beside' takes from itself"),
        ("first: base", "first: gone.pt", r"gone.pt: there is no such checkpoint"),
        ("first: base", "firts: base", r"Beside has no part 'firts'\n  -> did you mean 'first'"),
        (
            "first: base",
            "first: {from: base, prefix: nix}",
            r"pair.yaml:10: no keys of the file begin with 'nix', which first is to be taken from",
        ),
        (
            "first: base",
            "first: {from: base, prefix: head}",
            r"pair.yaml:10: the weights do not fit first of Beside",
        ),
        ("first: base", "first: {from: base, strictly: true}", r"no option 'strictly'"),
        ("first: base", "first: {from: base, checkpoint: 3}", r"saves no checkpoint of iteration 3"),
        ("freeze: [first]", "freeze: [frist]", r"pair.yaml:6: .*no part 'frist'"),
        (
            "base.model_cfg",
            "base.model_cgf",
            r"pair.yaml:8: .*no setting 'model_cgf'\n  -> did you mean 'model_cfg'",
        ),
        ("total_iter: 4", "totl_iter: 4", r"pair.yaml:5: trainer_cfg.totl_iter: "),
        ("cfgs: tiny.yaml", "cfgs: tiyn.yaml", r"pair.yaml:4: there is no configuration 'tiyn.yaml'"),
    ],
)
def test_what_is_wrong_is_said_before_any_training(tmp_path: Path, old: str, new: str, words: str):
    path = write_recipe(tmp_path, RECIPE_YAML.replace(old, new, 1))
    with pytest.raises(GaitPluginsError, match=words):
        check_stages(load_recipe(path))
    with pytest.raises(GaitPluginsError, match=words):
        run(path)
    assert not (tmp_path / "output").exists()


def test_a_cycle_is_called_one(tmp_path: Path):
    text = RECIPE_YAML.replace(
        "{trainer_cfg: {total_iter: 4}}", "{trainer_cfg: {total_iter: 4}}\n    init: beside"
    )
    with pytest.raises(
        ConfigError, match=r"'beside' runs only after 'base', and 'beside' takes from 'base': a cycle"
    ):
        load_recipe(write_recipe(tmp_path, text))


def test_data_of_a_late_stage_is_looked_for_before_the_first_one_trains(tmp_path: Path):
    path = write_recipe(tmp_path)
    with pytest.raises(ConfigError, match=r"pair.yaml:6.*is for 4 identities,.* has 9"):
        run(path, "beside.data_cfg.identities=9")
    assert not (tmp_path / "output").exists()
