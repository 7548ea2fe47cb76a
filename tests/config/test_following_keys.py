"""A test that follows its training goes on doing so where a file is inherited or overridden."""

from __future__ import annotations

from pathlib import Path

import pytest

from gait_plugins.config import Config, load_config
from gait_plugins.config.recipe.load import load_recipe

BOTH = """
trainer_cfg: {save_name: first, total_iter: 50}
evaluator_cfg: {save_name: first, restore_hint: 50}
"""


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def checkpoint_of(config: Config) -> tuple[str, object]:
    return config.evaluator_cfg.save_name, config.evaluator_cfg.restore_hint


@pytest.fixture
def base(tmp_path: Path) -> str:
    return written(tmp_path, "base.yaml", f"inherits: gaitbase/casiab\n{BOTH}")


def test_whoever_changes_the_training_tests_that_training(tmp_path: Path, base: str):
    own = "inherits: base.yaml\ntrainer_cfg: {save_name: own, total_iter: 7}\n"
    assert checkpoint_of(load_config(written(tmp_path, "own.yaml", own))) == ("own", 7)
    assert checkpoint_of(load_config(base, ["trainer_cfg.total_iter=8"])) == ("first", 8)


def test_what_is_written_for_the_test_stays(tmp_path: Path, base: str):
    own = "inherits: base.yaml\ntrainer_cfg: {total_iter: 7}\nevaluator_cfg: {restore_hint: 50}\n"
    assert checkpoint_of(load_config(written(tmp_path, "own.yaml", own))) == ("first", 50)
    overrides = ["evaluator_cfg.restore_hint=50", "trainer_cfg.total_iter=8"]
    for order in (overrides, overrides[::-1]):
        assert checkpoint_of(load_config(base, order)) == ("first", 50)


def test_a_test_of_another_checkpoint_stays(tmp_path: Path):
    base = "inherits: gaitbase/casiab\ntrainer_cfg: {total_iter: 50}\nevaluator_cfg: {restore_hint: 40}\n"
    file = written(tmp_path, "base.yaml", base)
    assert load_config(file, ["trainer_cfg.total_iter=8"]).evaluator_cfg.restore_hint == 40


def test_it_follows_through_several_files(tmp_path: Path, base: str):
    written(tmp_path, "middle.yaml", "inherits: base.yaml\ntrainer_cfg: {save_name: middle}\n")
    own = written(tmp_path, "own.yaml", "inherits: middle.yaml\ntrainer_cfg: {save_name: own}\n")
    assert checkpoint_of(load_config(own)) == ("own", 50)


def test_data_of_another_name_go_on_by_the_same_table(tmp_path: Path):
    both = "inherits: gaitbase/casiab\ndata_cfg: {dataset_name: CASIA-B, test_dataset_name: CASIA-B}\n"
    config = load_config(written(tmp_path, "both.yaml", both), ["data_cfg.dataset_name=mine"])
    assert config.data_cfg.test_dataset_name == "CASIA-B"


@pytest.mark.parametrize(
    ("stage", "overrides", "expected"),
    [
        ("overrides: [evaluator_cfg.restore_hint=50, trainer_cfg.total_iter=8]", [], 50),
        ("overrides: [trainer_cfg.total_iter=8]", [], 8),
        ("settings: {trainer_cfg.total_iter: first.trainer_cfg.log_iter}", [], 100),
        ("freeze: []", ["evaluator_cfg.restore_hint=50", "trainer_cfg.total_iter=8"], 50),
    ],
)
@pytest.mark.usefixtures("base")
def test_stages_of_a_recipe_do_so_too(tmp_path: Path, stage: str, overrides: list[str], expected: int):
    text = f"""
stages:
  - {{name: first, cfgs: base.yaml}}
  - name: second
    cfgs: base.yaml
    {stage}
"""
    recipe = load_recipe(written(tmp_path, "two.yaml", text), overrides)
    assert recipe["second"].config.evaluator_cfg.restore_hint == expected
