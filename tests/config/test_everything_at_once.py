"""``config check`` tells all mistakes of a file in one go, those in misspelt sections included."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.config import ConfigProblems
from gait_plugins.config.recipe.load import load_recipe

TEN = """\
inherits: walkers/gaitbase
modle_cfg:
  SeparateBNNecks: {class_num: many}
loss_cfg:
  - {type: TripletLos, log_prefix: triplet}
  - {type: CrossEntropyLoss, log_prefix: softmax, scale: big}
optimizer_cfg: {solver: Adam, lr: -0.1}
scheduler_cfg: [1, 2]
trainer_cfg:
  total_iter: 5
  total_iter: 6
  save_itr: 6
  sampler: {batch_size: [8]}
  transform:
    - {type: HorizontalFlip, prob: 7}
evaluator_cfg: {eval_func: evaluate_own_dat}
plugins: [nonsense]
"""

MISTAKES = {
    2: "modle_cfg: unknown section",
    3: "class_num: expected int",
    5: "no installed package offers a loss called 'TripletLos'",
    6: "scale: expected float, got 'big'",
    7: "lr: this is -0.1, expected a number of 0 or more",
    8: "scheduler_cfg: expected a mapping",
    11: "the key 'total_iter' is written twice, first in line 10",
    12: "save_itr: trainer_cfg has no option 'save_itr'",
    13: "batch_size: expected",
    15: "",
    16: "no installed package offers a protocol called 'evaluate_own_dat'",
    17: "plugins: 'nonsense' is not installed",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*arguments: str) -> str:
    """What a check that finds mistakes says."""
    result = CliRunner().invoke(app, ["config", "check", *arguments])
    assert result.exit_code == 2, result.output
    return str(result.stderr)


def test_a_dozen_mistakes_are_told_at_once_each_with_its_line() -> None:
    Path("ten.yaml").write_text(TEN)
    told = said("ten.yaml", "-o", "nonsense", "-o", "trainer_cfg.seed=abc")
    for line, words in MISTAKES.items():
        assert re.search(f"^ten.yaml:{line}: .*{re.escape(words)}", told, re.MULTILINE), (line, told)
    assert "-o nonsense: an override has the form" in told
    assert "-o trainer_cfg.seed=abc: expected int" in told
    assert f"{len(MISTAKES) + 2} errors in ten.yaml" in told


def test_a_parent_that_is_missing_hides_nothing_and_invents_nothing() -> None:
    Path("mine.yaml").write_text("inherits: walkers/gaitbas\nmodel_cfg: {chanels: 2}\nloss_cfg: {margn: 1}\n")
    told = said("mine.yaml")
    assert "mine.yaml:1: there is no configuration 'walkers/gaitbas'" in told
    assert "mine.yaml:2: model_cfg.chanels" in told
    assert "mine.yaml:3: loss_cfg.margn" in told
    assert "3 errors in mine.yaml" in told


def test_what_two_constructors_refuse_is_told_together() -> None:
    Path("mine.yaml").write_text(
        "inherits: walkers/gaitbase\n"
        "model_cfg: {SeparateFCs: {in_channels: 7}}\n"
        "evaluator_cfg: {transform: [{type: BaseSilCuttingTransform, cutting: -3}]}\n"
    )
    told = said("mine.yaml")
    assert told.count("mine.yaml:") >= 2 or "2 errors" in told, told


def test_mistakes_of_all_stages_are_told_at_once() -> None:
    stages = [f"  - {{name: {n}, cfgs: walkers/gaitbase, overrides: [{t}]}}\n" for n, t in STAGES.items()]
    Path("pair.yaml").write_text("stages:\n" + "".join(stages))
    with pytest.raises(ConfigProblems) as caught:
        load_recipe("pair.yaml")
    assert [problem.where for problem in caught.value.problems] == ["pair.yaml:2", "pair.yaml:3"]


STAGES = {"one": "trainer_cfg.seed=a", "two": "loss_cfg.0.margn=1"}
