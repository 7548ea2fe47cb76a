"""Strangers' packages, really installed by pip: one that works, one that clashes, one that is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from helpers.components.environments import Environment
from helpers.places import EXAMPLE, TESTS

import gait_plugins

PACKAGES = TESTS / "packages"
YAML = EXAMPLE / "strip_walkers.yaml"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(tmp_path_factory.mktemp("environment"))
    environment.install(EXAMPLE, PACKAGES / "conflicting", PACKAGES / "broken")
    yield environment
    environment.close()


def test_the_copy_under_test_is_the_one_that_is_used(env: Environment) -> None:
    assert env.imported("gait_plugins") == gait_plugins.__file__


def test_the_example_stays_small() -> None:
    files = [EXAMPLE / "pyproject.toml", *EXAMPLE.glob("strip_gait/*.py")]
    assert sum(len(file.read_text().splitlines()) for file in files) < 120


def test_the_list_shows_what_each_package_offers(env: Environment) -> None:
    data = json.loads(env.succeed("plugins", "list", "--json"))
    offered = {(c["kind"], c["name"]) for c in data["components"] if c["distribution"] == "strip-gait"}
    assert offered == {
        ("model", "StripNet"),
        ("loss", "CompactLoss"),
        ("frame_sampler", "EveryOther"),
        ("transform", "Dilate"),
    }
    assert {"distribution": "strip-gait", "version": "0.1.0", "module": "strip_gait"}.items() <= next(
        listener for listener in data["listeners"] if listener["hooks"] == ["gait_run_begin"]
    ).items()


def test_a_configuration_may_mix_components_of_two_packages(env: Environment) -> None:
    accepted = env.succeed("config", "check", YAML)
    for text in (
        "StripNet",
        "strip-gait 0.1.0  strip_gait.components:StripNet",
        "TripletLoss",
        "TripletSampler",
    ):
        assert text in accepted


def test_a_misspelt_option_of_a_strangers_component_is_an_error(env: Environment) -> None:
    message = env.fail("config", "check", YAML, "-o", "model_cfg.chanels=8")
    assert "chanels" in message
    assert "channels" in message
    assert "strip-gait 0.1.0" in message


def test_a_name_of_two_packages_must_be_qualified(env: Environment) -> None:
    loss = "loss_cfg.0.type=CrossEntropyLoss"
    message = env.fail("config", "check", YAML, "-o", loss)
    assert "2 packages offer a loss called 'CrossEntropyLoss'" in message
    assert "conflicting-gait 2.0: conflicting_gait:CrossEntropyLoss" in message
    assert (
        "gait-plugins-trackletgait 0.1.0: gait_plugins.plugins.zoo.losses.cross_entropy:CrossEntropyLoss"
        in message
    )
    spellings = ("conflicting-gait/CrossEntropyLoss", "gait-plugins-trackletgait/CrossEntropyLoss")
    assert f"write type: {' or '.join(spellings)}" in message
    losses = [
        f"{{type: {spelling}, log_prefix: {prefix}}}"
        for spelling, prefix in zip(spellings, ("triplet", "compact"), strict=True)
    ]
    accepted = env.succeed("config", "check", YAML, "-o", f"loss_cfg=[{', '.join(losses)}]")
    assert "conflicting-gait 2.0  conflicting_gait:CrossEntropyLoss" in accepted
    assert (
        "gait-plugins-trackletgait 0.1.0  gait_plugins.plugins.zoo.losses.cross_entropy:CrossEntropyLoss"
        in accepted
    )


def test_a_package_that_may_not_load_offers_nothing(env: Environment) -> None:
    message = env.fail("config", "check", YAML, GAIT_PLUGINS_LOAD="conflicting-gait")
    assert "no installed package offers a model called 'StripNet'" in message
    assert "only these plugins may load beside the built-ins: conflicting-gait" in message


def test_a_broken_package_is_reported_and_hurts_nobody(env: Environment) -> None:
    listed = env.succeed("plugins", "list")
    assert listed.count("StripNet") == 2
    assert "No module named 'a_module_that_nobody_has'" in listed.rpartition("failed to load:")[2]
    checked = env.run("plugins", "check")
    assert checked.returncode == 2
    assert "strip-gait 0.1.0 (strip_gait): 4 of 4 components load" in checked.stdout
    assert "broken-gait 3.0 (broken_gait): ModuleNotFoundError" in checked.stdout
    message = env.fail("config", "check", YAML, "-o", "model_cfg.model=broken-gait/Net")
    assert "its package failed to load: ModuleNotFoundError" in message


def test_a_training_mixes_components_of_two_packages(env: Environment) -> None:
    output = env.home / "output"
    overrides = {
        "output_dir": output,
        "data_cfg.train": 8,
        "data_cfg.test": 2,
        "data_cfg.views": '["000", "090"]',
        "data_cfg.num_workers": 0,
        "trainer_cfg.total_iter": 3,
        "trainer_cfg.save_iter": 3,
        "trainer_cfg.log_iter": 1,
    }
    words = [word for key, value in overrides.items() for word in ("-o", f"{key}={value}")]
    printed = env.succeed(
        "train", YAML, *words, "--device", "cpu", GAIT_PLUGINS_CACHE=str(env.home / "cache")
    )
    assert "Rank-1" in printed
    (best,) = output.rglob("best_loss.txt")
    assert best.read_text().split()[1:3] == ["at", "step"]
    records = [json.loads(line) for line in (best.parent / "log.jsonl").read_text().splitlines()]
    steps = [record["metrics"] for record in records if record["type"] == "step"]
    assert len(steps) == 3
    assert {"scalar/triplet/loss", "scalar/compact/loss"} <= steps[0].keys()
