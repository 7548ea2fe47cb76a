"""``auto`` for a number of classes: counted by a training, read from its checkpoint afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from helpers.components.tiny import TinyWalks
from helpers.components.tiny_training import final, run

from gait_plugins import CheckpointError, ConfigError, DataError, GaitPluginsError
from gait_plugins.config import load_config
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.assembly.class_count import counted_by, counted_if_there
from gait_plugins.core.assembly.components import build_model
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.recipes.run import train_recipe
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.tools.embedder import Embedder

pytestmark = pytest.mark.usefixtures("tiny")

AUTO = "model_cfg.classes=auto"
THREE = "data_cfg.identities=3"
HALF = "trainer_cfg.total_iter=4"


def classes(settings: dict[str, Any]) -> object:
    return settings["model_cfg"]["classes"]


@pytest.fixture
def trained(tiny_yaml: Path) -> Path:
    """The run folder of a training on three identities that were counted."""
    run(tiny_yaml, AUTO, THREE)
    return tiny_yaml.parent / "output" / "Tiny" / "TinyModel" / "tiny"


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """The training set is gone."""
    whole = TinyWalks.sequences

    def sequences(self: TinyWalks, subset: Any) -> Any:
        if subset == "train":
            raise DataError("the training set is gone")
        return whole(self, subset)

    monkeypatch.setattr(TinyWalks, "sequences", sequences)


def test_a_training_counts_the_identities_and_writes_the_number_down(trained: Path) -> None:
    state = final(trained)
    assert state["model"]["head.weight"].shape == (3, 4)
    assert classes(state["config"]) == 3
    assert classes(yaml.safe_load((trained / "config.yaml").read_text())) == 3


def test_identities_that_are_held_out_are_not_counted(tiny_yaml: Path) -> None:
    run(tiny_yaml, AUTO, "data_cfg.validation=2", "data_cfg.identities=5")
    folder = tiny_yaml.parent / "output" / "Tiny" / "TinyModel" / "tiny"
    assert classes(final(folder)["config"]) == 3


def test_classes_of_the_configuration_are_counted_in_place_of_identities(tiny_yaml: Path) -> None:
    config = load_config(tiny_yaml, [AUTO, "data_cfg.classes={early: [nm-00, nm-01], late: ['nm-0[2-9]']}"])
    assert classes(counted_if_there(config).config.data) == 2


@pytest.mark.usefixtures("no_data")
def test_without_data_a_training_says_so_and_a_check_keeps_the_word(tiny_yaml: Path) -> None:
    with pytest.raises(DataError, match="the training set is gone"):
        run(tiny_yaml, AUTO)
    found = counted_if_there(load_config(tiny_yaml, [AUTO]))
    assert classes(found.config.data) == "auto"
    assert found.missing == "the training set is gone"


def test_a_set_without_identities_is_an_error_in_words(tiny_yaml: Path) -> None:
    with pytest.raises(DataError, match="no train sequence whose identity could be counted"):
        run(tiny_yaml, AUTO, "data_cfg.identities=0")


# --- what comes after --------------------------------------------------------------------------


def test_a_test_takes_the_number_from_the_checkpoint(
    trained: Path, tiny_yaml: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("no_data")
    results = score(load_config(tiny_yaml, [AUTO]), RunOptions(device="cpu"))
    assert results is not None
    assert results.metrics["R1"] > 0
    assert classes(yaml.safe_load((trained / "test" / "config.yaml").read_text())) == 3


def test_an_embedder_takes_the_number_from_the_checkpoint(
    trained: Path, tiny_yaml: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("no_data")
    embedder = Embedder(load_config(tiny_yaml, [AUTO]), device="cpu")
    assert embedder.model.num_classes == 3
    assert embedder.arrays([np.full((4, 8, 8), 200, np.uint8)]).shape == (1, 4, 1)


def test_weights_alone_say_the_number_by_their_shapes(trained: Path, tiny_yaml: Path) -> None:
    config = load_config(tiny_yaml, [AUTO])
    assert classes(counted_by(config, {"model": final(trained)["model"]}, "here").data) == 3
    with pytest.raises(CheckpointError, match="does not say how many identities") as caught:
        counted_by(config, {"model": {"other": torch.ones(2)}}, "here")
    assert caught.value.hint == "write the number: -o model_cfg.classes=NUMBER"


def test_a_resumed_training_has_the_number_that_it_began_with(tiny_yaml: Path) -> None:
    run(tiny_yaml, AUTO, THREE, HALF)
    run(tiny_yaml, AUTO, THREE, resume=True)
    folder = tiny_yaml.parent / "output" / "Tiny" / "TinyModel" / "tiny"
    assert classes(final(folder)["config"]) == 3


@pytest.mark.parametrize("identities", [2, 4])
def test_a_resumed_training_on_other_people_ends_as_ever(tiny_yaml: Path, identities: int) -> None:
    run(tiny_yaml, AUTO, THREE, HALF)
    with pytest.raises(GaitPluginsError, match=f"identities was 3 and is {identities} now"):
        run(tiny_yaml, AUTO, f"data_cfg.identities={identities}", resume=True)


def test_more_people_than_a_resumed_model_has_classes_are_refused(
    tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny_yaml, AUTO, HALF)
    whole = TinyWalks.sequences
    more = TinyWalks(identities=5)
    monkeypatch.setattr(TinyWalks, "sequences", lambda self, subset: whole(more, subset))
    with pytest.raises(ConfigError, match="is for 4 identities, the training set has 5"):
        run(tiny_yaml, AUTO, resume=True)


def test_another_training_starts_from_the_weights_of_a_counted_one(trained: Path, tiny_yaml: Path) -> None:
    start = trained / "checkpoints" / "tiny-00006.pt"
    other = (AUTO, "trainer_cfg.save_name=other", "evaluator_cfg.save_name=other")
    run(tiny_yaml, *other, init_from=start, drop_head=True)
    state = torch.load(trained.parent / "other" / "checkpoints" / "other-00006.pt", weights_only=True)
    assert classes(state["config"]) == 4


def test_stages_of_a_recipe_count_each_its_own_data(tiny_yaml: Path) -> None:
    stage = {"cfgs": str(tiny_yaml), "overrides": [AUTO, THREE]}
    four = {"cfgs": str(tiny_yaml), "overrides": ["data_cfg.identities=4"]}
    copied = {"settings": {"model_cfg": "one.model_cfg"}}
    parts = {"init": {"conv": "one"}}
    recipe = tiny_yaml.with_name("recipe.yaml")
    stages = [{"name": "one", **stage}, {"name": "two", **four, **copied, **parts}]
    recipe.write_text(yaml.safe_dump({"output_dir": str(tiny_yaml.parent / "out"), "stages": stages}))
    for _ in range(2):  # the second time, both are finished, and nothing has changed
        train_recipe(load_recipe(recipe), RunOptions(device="cpu"))
    written = [tiny_yaml.parent / "out" / "recipe" / name / "config.yaml" for name in ("one", "two")]
    assert [classes(yaml.safe_load(file.read_text())) for file in written] == [3, 4]


# --- words -------------------------------------------------------------------------------------


def test_a_model_that_nobody_counted_for_is_an_error_in_words(tiny_yaml: Path) -> None:
    with pytest.raises(ConfigError, match=r"model_cfg\.classes is auto") as caught:
        build_model(load_config(tiny_yaml, [AUTO]))
    assert "-o model_cfg.classes=NUMBER" in str(caught.value.hint)


def test_a_misspelt_word_is_told_what_is_accepted(tiny_yaml: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected int \| 'auto', got 'atuo' .*; did you mean 'auto'"):
        load_config(tiny_yaml, ["model_cfg.classes=atuo"])
    with pytest.raises(ConfigError, match="expected int, got 'auto'"):
        load_config(tiny_yaml, ["model_cfg.channels=auto"])
