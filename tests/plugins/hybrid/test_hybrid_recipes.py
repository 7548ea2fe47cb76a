"""The hybrid pipeline's recipes: checked whole, and run from end to end in small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gait_plugins import DataError, Results
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.config.yaml.sources import shipped_recipes
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.recipes.checks import check_stages
from gait_plugins.core.recipes.run import train_recipe
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.errors import GaitPluginsError

RECIPES = [name for name in shipped_recipes() if name.startswith("hybrid/")]
CPU = RunOptions(device="cpu")
LABELLED = ("supervised", "hybrid", "scratch")
SMALL = (
    "data_cfg.of.train=6",
    "data_cfg.validation=2",
    "data_cfg.of.test=2",
    "data_cfg.of.views=['000', '090']",
    "data_cfg.of.frames=4",
    "data_cfg.frames_per_sequence=2",
    "data_cfg.num_workers=0",
    "trainer_cfg.total_iter=2",
    "trainer_cfg.save_iter=2",
    "ssl.trainer_cfg.sampler.batch_size=[2, 2]",
    "ssl.model_cfg.embed_dim=8",
    *(f"{stage}.model_cfg.num_classes=4" for stage in LABELLED),
    *(f"{stage}.trainer_cfg.sampler.batch_size=[2, 2]" for stage in LABELLED),
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the walkers of all tests here lie, once they are drawn."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(cache))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Path, Results | None]:
    """The recipe of all phases from start to end, the last ones without learning: its folder and results."""
    still = (
        "supervised.optimizer_cfg.lr=0",
        "supervised.scheduler_cfg.step_size=1",
        "hybrid.optimizer_cfg.lr=0",
        "hybrid.scheduler_cfg.every=1",
    )
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAIT_PLUGINS_CACHE", str(cache))
        recipe = load_recipe("hybrid/walkers", (*SMALL, *still, f"output_dir={folder}"))
        return folder / "hybrid-walkers", train_recipe(recipe, CPU)


def weights(run: Path, stage: str) -> dict[str, torch.Tensor]:
    return load_checkpoint(checkpoint_path(run / stage, stage, 2))["model"]


@pytest.mark.parametrize("name", RECIPES)
def test_every_stage_takes_what_it_asks_for(name: str) -> None:
    recipe = load_recipe(name)
    fits = check_stages(recipe)
    taken = [fit for stage in fits.values() for fit in stage]
    assert taken
    assert not any(fit.report.missing for fit in taken)


def test_three_phases_run_and_hand_their_weights_on(run: tuple[Path, Results | None]) -> None:
    folder, results = run
    assert results is not None
    assert {"frames@R1", "disjoint@R1", "cross-view@mAP"} <= set(results.metrics)
    first, second, third = (weights(folder, s) for s in ("ssl", "supervised", "hybrid"))
    for block in (1, 2, 3):
        for name in ("0.weight", "1.bias"):
            learnt = first[f"conv{block}.{name}"]
            assert torch.equal(second[f"encoder.{block - 1}.{name}"], learnt)
            assert torch.equal(third[f"encoder.{block - 1}.{name}"], learnt)
    assert torch.equal(second["classifier.weight"], third["classifier.weight"])
    afresh = weights(folder, "scratch")
    assert not torch.equal(afresh["encoder.0.0.weight"], second["encoder.0.0.weight"])


def test_phases_are_scored_on_the_same_held_out_people_and_tested_once(
    run: tuple[Path, Results | None],
) -> None:
    for stage in ("ssl", *LABELLED):
        folder = run[0] / stage
        assert json.loads((folder / "validation_set.json").read_text()) == ["001", "004"]
        assert [path.name for path in folder.glob("results*.json")] == ["results-2-evaluate_frames.json"]


def test_pretraining_needs_no_labels() -> None:
    # The phases that need labels are not asked: the same data has none for them either.
    unlabelled = ("data_cfg.of.train=1", "data_cfg.validation=null")
    recipe = load_recipe("hybrid/walkers", (*SMALL, *unlabelled))
    train_recipe(recipe, CPU, only="ssl")
    assert weights(Path("output/hybrid-walkers"), "ssl")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["hybrid.trainer_cfg.sampler.batch_size=[4, 1]"], "no identity has two samples"),
        (
            ["hybrid.data_cfg.train_identities=1", "hybrid.data_cfg.validation=null"],
            "a batch needs 2 identities, but the training set has 1",
        ),
        (["hybrid.data_cfg.test_identities=1"], "the test set of walkers holds 1 identity"),
        (["hybrid.data_cfg.validation=6"], "6 of 6 training identities are held out: none is left"),
        (["hybrid.data_cfg.types=[xx-*]"], r"no train sequence has types \['xx-\*'\]"),
        (["scratch.model_cfg.num_classes=3"], "is for 3 identities, the training set has 4"),
    ],
)
def test_what_the_last_phase_would_end_in_is_told_before_the_first(settings: list[str], words: str) -> None:
    with pytest.raises(GaitPluginsError, match=words):
        train_recipe(load_recipe("hybrid/walkers", (*SMALL, *settings)), CPU)
    assert not list(Path().rglob("*.pt"))


def test_no_frames_after_filtering_are_an_error_before_any_step() -> None:
    recipe = load_recipe("hybrid/walkers", (*SMALL, "ssl.data_cfg.types=[xx-*]"))
    with pytest.raises(DataError, match=r"no train sequence has types \['xx-\*'\]"):
        train_recipe(recipe, CPU, only="ssl")
    assert not list(Path().rglob("*.pt"))
