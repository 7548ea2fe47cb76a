"""``keep_best`` and ``early_stopping``: what the tests of a training decide, also after a kill."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.components.tiny import Nearest
from helpers.components.tiny_recipe import RECIPE_YAML, TinyRecipePlugin, write_recipe
from helpers.components.tiny_training import equal, final, run, trained

from gait_plugins import ConfigError, Results
from gait_plugins.api import EmbeddingSet
from gait_plugins.config import load_config
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.evaluate import score as scoring
from gait_plugins.core.recipes.run import train_recipe
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.best import ScoreHistory
from gait_plugins.errors import GaitPluginsError
from gait_plugins.registry.manager import Manager, use_manager

pytestmark = pytest.mark.usefixtures("tiny")
BEST = "trainer_cfg.keep_best={metric: R1}"
FIGURES = {2: 50.0, 4: 75.0, 6: 75.0, 8: 60.0, 10: 70.0, 12: 80.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The protocol gives the figures above, by the steps in this list."""
    steps: list[int] = []

    def evaluate(self: Nearest, data: EmbeddingSet) -> Results:
        # A step is told apart by its weights: the same ones are scored the same, whenever that is.
        return Results("told", data.dataset_name, {"R1": FIGURES[steps[-1]]}, len(data), len(data))

    monkeypatch.setattr(Nearest, "evaluate", evaluate)
    return steps


@pytest.fixture
def trains(told: list[int], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that were tested."""
    from gait_plugins.core.train.state import Training

    test = Training.test

    def noted(self: Training, step: int) -> Results | None:
        told.append(step)
        return test(self, step)

    monkeypatch.setattr(Training, "test", noted)
    return told


def best_of(folder: Path) -> dict[str, Any]:
    return load_checkpoint(folder / "checkpoints" / "best.pt")


def test_the_best_checkpoint_is_kept_beside_the_last(tiny_yaml: Path, folder: Path, trains: list[int]):
    run(tiny_yaml, BEST, "trainer_cfg.total_iter=10")
    assert trains == [2, 4, 6, 8, 10]
    assert best_of(folder)["iteration"] == 4  # the first of two equals
    assert json.loads((folder / "validation.json").read_text())["8"] == {"R1": 60.0}
    assert equal(best_of(folder)["model"], final(folder, 4)["model"])


def test_smaller_may_be_better(tiny_yaml: Path, folder: Path, trains: list[int]):
    run(tiny_yaml, "trainer_cfg.keep_best={metric: scalar/test_accuracy/R1, mode: min}")
    assert best_of(folder)["iteration"] == 2


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        ("{patience: 2, metric: R1}", 8),
        ("{patience: 3, metric: R1}", 10),
        ("{patience: 4, metric: R1}", 12),
        ("{patience: 1, metric: R1, mode: min}", 4),
        ("{patience: 2, metric: R1, min_delta: 30}", 6),
    ],
)
def test_a_training_ends_where_nothing_better_is_found(
    tiny_yaml: Path, folder: Path, trains: list[int], rule: str, last: int
):
    overrides = [f"trainer_cfg.early_stopping={rule}", "trainer_cfg.total_iter=12"]
    run(tiny_yaml, *overrides)
    assert trains[-1] == last
    before = final(folder, last)
    run(tiny_yaml, *overrides, resume=True)  # ended is ended
    assert trains[-1] == last
    assert equal(final(folder, last), before)
    assert not checkpoint_path(folder, "tiny", last + 2).exists()


@pytest.mark.parametrize("killed", ["before the test", "before the figure is noted", "long before"])
def test_a_kill_changes_neither_the_best_nor_the_end(
    tiny_yaml: Path, folder: Path, trains: list[int], killed: str
):
    overrides = [BEST, "trainer_cfg.early_stopping={patience: 3}", "trainer_cfg.total_iter=12"]
    run(tiny_yaml, *overrides)
    whole, best = final(folder, 10), best_of(folder)
    known = json.loads((folder / "validation.json").read_text())
    kept = {"before the test": 4, "before the figure is noted": 4, "long before": 2}[killed]
    for step in range(kept + 2, 12, 2):
        checkpoint_path(folder, "tiny", step).unlink()
    if killed == "before the test":
        (folder / "checkpoints" / "best.pt").unlink()
    figures = {} if kept == 4 else {"2": known["2"]}
    if killed != "long before":
        figures = {"2": known["2"]}
        (folder / "validation.json").write_text(json.dumps(figures))
    run(tiny_yaml, *overrides, resume=True)
    assert json.loads((folder / "validation.json").read_text()) == known
    assert equal(trained(final(folder, 10)), trained(whole))
    assert equal(best_of(folder), best)


def test_going_back_forgets_later_figures(tiny_yaml: Path, folder: Path, trains: list[int]):
    run(tiny_yaml, BEST, "trainer_cfg.total_iter=12")
    assert best_of(folder)["iteration"] == 12
    run(tiny_yaml, BEST, "trainer_cfg.total_iter=8", "trainer_cfg.restore_hint=6")
    assert best_of(folder)["iteration"] == 4
    assert list(json.loads((folder / "validation.json").read_text())) == ["2", "4", "6", "8"]


def test_another_figure_makes_another_one_the_best(tiny_yaml: Path, folder: Path, trains: list[int]):
    run(tiny_yaml, BEST)
    assert best_of(folder)["iteration"] == 4
    run(tiny_yaml, "trainer_cfg.keep_best={metric: R1, mode: min}", resume=True)
    assert best_of(folder)["iteration"] == 2


def test_the_best_one_is_tested_by_its_name(tiny_yaml: Path, folder: Path, trains: list[int]):
    run(tiny_yaml, BEST)
    config = load_config(str(tiny_yaml), overrides=["evaluator_cfg.restore_hint=best"])
    assert scoring.tested_checkpoint(config) == folder / "checkpoints" / "best.pt"
    assert scoring.score(config, RunOptions(device="cpu")) is not None
    assert list(folder.glob("results-4*.json"))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("keep_best={metric: R2}", r"no figure 'R2'; its figures are R1"),
        ("keep_best={}", r"needs the option 'metric'"),
        ("keep_best={metric: R1, mode: most}", r"mode"),
        (
            "early_stopping={patience: 2}",
            r"early_stopping={patience: 2}: the option 'metric' is needed where keep_best is not set",
        ),
        ("early_stopping={patience: 0, metric: R1}", r"patience"),
        ("early_stopping={patence: 2, metric: R1}", r"did you mean 'patience'"),
    ],
)
def test_what_cannot_be_watched_is_said(tiny_yaml: Path, setting: str, words: str):
    with pytest.raises(ConfigError, match=words):
        run(tiny_yaml, f"trainer_cfg.{setting}")


def test_no_number_is_worse_than_any(tmp_path: Path, tiny_yaml: Path):
    section = load_config(str(tiny_yaml), overrides=[BEST]).trainer_cfg
    assert ScoreHistory(section, tmp_path, {2: {"R1": 1.0}, 4: {"R1": float("nan")}}).best == 2


@pytest.fixture
def _recipes(tiny: Manager) -> None:
    manager = Manager(allow=[])
    manager.register(TinyRecipePlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)


@pytest.mark.usefixtures("_recipes")
def test_a_stage_may_start_from_the_best_of_one_that_ended_early(tmp_path: Path, trains: list[int]):
    text = RECIPE_YAML.replace("first: base", "first: {from: base, checkpoint: best}").replace(
        "{total_iter: 4}", "{total_iter: 12, keep_best: {metric: R1}, early_stopping: {patience: 3}}"
    )
    path = write_recipe(tmp_path, text)
    for _ in range(2):
        train_recipe(load_recipe(path), RunOptions(device="cpu"))
    folder = tmp_path / "output" / "pair"
    record = load_checkpoint(checkpoint_path(folder / "beside", "beside", 6))["init"]
    assert [Path(part["file"]).name for part in record] == ["best.pt", "base-00010.pt"]
    assert best_of(folder / "base")["iteration"] == 4
    shutil.rmtree(folder)
    plain = write_recipe(
        tmp_path, text.replace("keep_best: {metric: R1}", "seed: 0").replace("{patience: 3}", "null")
    )
    with pytest.raises(GaitPluginsError, match=r"pair.yaml:10: the stage 'base' keeps no best checkpoint"):
        load_recipe(plain)
