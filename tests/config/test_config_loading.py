"""What a configuration means: defaults, merging, inheritance, overrides, plugins and hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.components.config_fakes import FAKE_YAML, FakePlugin, Schedule
from helpers.components.fake_site import FakeSite, manifest

from gait_plugins.config import load_config, shipped
from gait_plugins.errors import ConfigError
from gait_plugins.hookspecs import hookimpl
from gait_plugins.registry.manager import Manager, default_manager, use_manager

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture
def fake_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "town.yaml"
    path.write_text(FAKE_YAML)
    return path


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_sections_and_components_are_there(fake_yaml: Path) -> None:
    config = load_config(fake_yaml)
    assert config.source == "town.yaml"
    assert (config.data_cfg.dataset_name, config.data_cfg.num_workers) == ("Town", 2)
    assert config.data_cfg.dataset.options == {"dataset_root": "somewhere", "cache": False}
    assert config.model_cfg.options["Head"] == {"parts": 4, "classes": 10}
    assert [loss.log_prefix for loss in config.loss_cfg] == ["triplet", "softmax"]
    assert config.loss_cfg[0].component.options == {"margin": 0.3}
    assert config.trainer_cfg.sampler.batch.options == {"batch_size": [2, 4], "batch_shuffle": False}
    assert config.trainer_cfg.sampler.frames.options["sample_type"] == "fixed_unordered"
    assert config.evaluator_cfg.protocol.options == {"metric": "cos", "cross_view_gallery": False}
    assert config.model_cfg.where == "town.yaml:8"
    assert config.optimizer_cfg.options == {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0005}


def test_silence_means_what_it_means_in_opengait(fake_yaml: Path) -> None:
    config = load_config(fake_yaml)
    trainer = config.trainer_cfg
    assert (trainer.log_iter, trainer.save_iter, trainer.seed, trainer.restore_hint) == (100, 2000, 0, 0)
    assert trainer.enable_float16
    assert trainer.restore_ckpt_strict
    assert not any([trainer.with_test, trainer.sync_BN, trainer.fix_BN, trainer.optimizer_reset])
    assert trainer.sampler.frames.options["frames_num_min"] == 25
    assert not config.evaluator_cfg.enable_float16
    assert (config.output_dir, config.plugins) == ("output", None)


def test_another_data_set_than_the_one_that_nobody_named_takes_its_own_options(fake_yaml: Path) -> None:
    unnamed = FAKE_YAML.replace("  type: folder\n", "", 1)
    assert unnamed != FAKE_YAML
    fake_yaml.write_text(unnamed)
    config = load_config(fake_yaml, ["data_cfg.type=made"])
    assert (config.data_cfg.dataset.name, config.data_cfg.dataset.options) == ("made", {})
    child = write(fake_yaml.parent, "child.yaml", "inherits: town.yaml\ndata_cfg: {type: made}\n")
    assert load_config(child).data_cfg.dataset.options == {}


def test_the_test_follows_the_training(fake_yaml: Path) -> None:
    config = load_config(fake_yaml)
    assert config.data_cfg.test_dataset_name == "Town"
    assert (config.evaluator_cfg.restore_hint, config.evaluator_cfg.save_name) == (30, "first")
    config = load_config(fake_yaml, ["evaluator_cfg.restore_hint=last.pt", "data_cfg.test_dataset_name=City"])
    assert (config.evaluator_cfg.restore_hint, config.data_cfg.test_dataset_name) == ("last.pt", "City")


def test_what_is_written_to_the_run_folder_loads_again_as_the_same(fake_yaml: Path, tmp_path: Path) -> None:
    config = load_config(fake_yaml, ["optimizer_cfg.solver=Adam", "loss_cfg.0.type=Soft"])
    again = load_config(write(tmp_path, "again.yaml", yaml.safe_dump(config.data)))
    assert again.data == config.data == load_config(config.data).data
    assert [c.name for c in again.components()] == [c.name for c in config.components()]


def test_components_are_named_for_provenance_once_each(fake_yaml: Path) -> None:
    names = [(c.kind, c.name) for c in load_config(fake_yaml).components()]
    assert ("backbone", "Trunk") in names
    assert ("transform", "Cut") in names
    assert len(names) == len(set(names))


def test_defaults_that_a_component_does_not_know_are_dropped(fake_yaml: Path) -> None:
    config = load_config(
        fake_yaml,
        ["optimizer_cfg.solver=Adam", "trainer_cfg.sampler.method=pieces", "trainer_cfg.sampler.lengths=[8]"],
    )
    assert config.optimizer_cfg.options == {"lr": 0.1, "weight_decay": 0.0005}
    assert config.trainer_cfg.sampler.frames.options == {"frames_num_fixed": 30, "lengths": [8]}


def test_a_lone_loss_is_merged_over_the_default_one(tmp_path: Path) -> None:
    text = FAKE_YAML.replace(
        "loss_cfg:\n  - type: Margin\n    log_prefix: triplet\n    margin: 0.3\n", "loss_cfg:\n"
    )
    text = text.replace(
        "  - type: Soft\n    log_prefix: softmax\n    scale: 16\n    log_accuracy: true", "  type: Soft"
    )
    losses = load_config(write(tmp_path, "one.yaml", text)).loss_cfg
    assert [(loss.log_prefix, loss.component.options) for loss in losses] == [
        ("triplet", {"loss_term_weight": 1.0})
    ]


def test_an_option_of_both_samplers_reaches_both(fake_yaml: Path) -> None:
    sampler = load_config(fake_yaml).evaluator_cfg.sampler
    assert sampler.batch.options["batch_size"] == sampler.frames.options["batch_size"] == 3
    assert sampler.mapping()["method"] == "frames"


def test_inherited_files_are_merged_mapping_by_mapping(fake_yaml: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    child = write(
        tmp_path,
        "sub/child.yaml",
        "inherits: ../town.yaml\nmodel_cfg: {Head: {classes: 99}}\nscheduler_cfg: {milestones: [5]}\n",
    )
    config = load_config(child)
    assert config.model_cfg.options["Head"] == {"parts": 4, "classes": 99}
    assert config.scheduler_cfg.options["milestones"] == [5]
    assert config.model_cfg.where == "town.yaml:8"
    assert "inherits" not in config.data


def test_later_parents_win_and_the_file_itself_wins_over_all(fake_yaml: Path, tmp_path: Path) -> None:
    write(tmp_path, "seed1.yaml", "trainer_cfg: {seed: 1, log_iter: 7}\n")
    write(tmp_path, "seed2.yaml", "trainer_cfg: {seed: 2}\n")
    child = write(
        tmp_path, "c.yaml", "inherits: [town.yaml, seed1.yaml, seed2.yaml]\ntrainer_cfg: {save_iter: 3}\n"
    )
    trainer = load_config(child).trainer_cfg
    assert (trainer.seed, trainer.log_iter, trainer.save_iter, trainer.total_iter) == (2, 7, 3, 30)


def test_options_of_a_replaced_component_are_left_out(fake_yaml: Path, tmp_path: Path) -> None:
    child = write(tmp_path, "c.yaml", "inherits: town.yaml\ndata_cfg: {type: made, people: 3}\n")
    assert load_config(child).data_cfg.dataset.options == {"people": 3}
    assert load_config(fake_yaml, ["loss_cfg.0.type=Soft"]).loss_cfg[0].component.options == {}
    bad = write(tmp_path, "bad.yaml", "inherits: town.yaml\ndata_cfg: {type: made, dataset_root: here}\n")
    with pytest.raises(ConfigError, match=r"bad.yaml:2: data_cfg.dataset_root: made .* has no option"):
        load_config(bad)


def test_a_file_may_not_inherit_itself(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "inherits: b.yaml\n")
    write(tmp_path, "b.yaml", "inherits: a.yaml\n")
    with pytest.raises(ConfigError, match="inherits itself"):
        load_config(tmp_path / "a.yaml")


@pytest.mark.parametrize("value", ["3", "[]", "[1]", "{a: b}"])
def test_inherits_must_name_configurations(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match=r"a.yaml:2: 'inherits' must hold"):
        load_config(write(tmp_path, "a.yaml", f"# first line\ninherits: {value}\n"))


def test_a_missing_parent_is_named_with_its_line(tmp_path: Path, fake_yaml: Path) -> None:
    with pytest.raises(ConfigError, match=r"c.yaml:1: there is no configuration 'twn.yaml'[\s\S]*town.yaml"):
        load_config(write(tmp_path, "c.yaml", "inherits: twn.yaml\n"))


def test_shipped_configurations_are_found_by_name() -> None:
    assert {"trackletgait/gait3d", "gaitbase/gait3d"} <= set(shipped())
    with pytest.raises(ConfigError, match="did you mean 'gaitbase/gait3d'"):
        load_config("gaitbase/gait3dd")
    with pytest.raises(ConfigError, match=r"config list shows the \d+ shipped names"):
        load_config("nowhere")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("own_data/gaitbse", "did you mean 'own_data/gaitbase'?"),
        (
            "own_data/gaitbase.yaml",
            "did you mean the shipped configuration 'own_data/gaitbase', without .yaml?",
        ),
        (
            "own_data",
            "shipped names with 'own_data': own_data/gaitbase, own_data/trackletgait, "
            "foundationgait/own_data, hybrid/own_data, resgait/own_data",
        ),
        ("mine.yaml", "check the path; a relative one starts from the working directory"),
        ("there/mine.yaml", "the folder 'there' is missing too: check the path"),
        ("tenn.yml", "did you mean 'ten.yaml'?"),
    ],
)
def test_an_unknown_name_is_told_what_is_near_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ten.yaml").write_text("")
    with pytest.raises(ConfigError, match="there is no configuration") as caught:
        load_config(name)
    assert caught.value.hint == hint
    assert ("the file is missing" in caught.value.message) == name.endswith(("yaml", "yml"))


def test_options_that_are_left_out_are_told_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gait_plugins")
    path = write(
        tmp_path,
        "b.yaml",
        "inherits: walkers/gaitbase\nmodel_cfg: {model: TrackletGait_s}\n",
    )
    load_config(path)
    (line,) = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert "SeparateBNNecks.in_channels, SeparateBNNecks.parts_num, backbone_cfg, SeparateFCs" in line
    assert "left out of model_cfg: TrackletGait_s (" in line


def test_overrides_replace_values_anywhere(fake_yaml: Path) -> None:
    config = load_config(
        fake_yaml,
        [
            "loss_cfg.1.scale=2.5",
            "trainer_cfg.transform.0.trf_cfg.0.prob=1e-1",
            "trainer_cfg.sampler.batch_size=[3, 5]",
            "model_cfg.schedule.start=4",
            "output_dir=elsewhere",
            "evaluator_cfg.transform=",
        ],
    )
    assert config.loss_cfg[1].component.options["scale"] == 2.5
    chain = config.trainer_cfg.transform[0]
    assert chain is not None
    assert chain.build().parts[0].prob == 0.1
    assert config.trainer_cfg.sampler.batch.build().pk == (3, 5)
    assert config.model_cfg.build().schedule == Schedule(start=4)
    assert config.output_dir == "elsewhere"
    assert list(config.evaluator_cfg.transform) == [None]


def test_empty_sections_say_nothing(fake_yaml: Path, tmp_path: Path) -> None:
    child = write(tmp_path, "c.yaml", "inherits: town.yaml\ntrainer_cfg:\nloss_cfg:\n")
    assert load_config(child).data == load_config(fake_yaml).data


def test_plugins_see_and_change_the_raw_configuration(fake_yaml: Path) -> None:
    seen: list[Any] = []

    class Shorter:
        @hookimpl
        def gait_configure(self, config: dict[str, Any]) -> None:
            seen.append((config["trainer_cfg"]["total_iter"], config["trainer_cfg"]["log_iter"]))
            config["trainer_cfg"]["total_iter"] = 7
            config["loss_cfg"].pop(0)
            config["loss_cfg"].append({"type": "Margin", "log_prefix": "late"})

    default_manager().register(Shorter(), distribution="short-gait")
    config = load_config(fake_yaml)
    assert seen == [(30, 100)]
    assert config.trainer_cfg.total_iter == 7
    assert [loss.log_prefix for loss in config.loss_cfg] == ["softmax", "late"]


def test_what_a_plugin_breaks_is_an_error_too(fake_yaml: Path) -> None:
    class Vandal:
        @hookimpl
        def gait_configure(self, config: dict[str, Any]) -> None:
            config["trainer_cfg"] = 3
            config["loss_cfg"][0]["margn"] = 1

    default_manager().register(Vandal(), distribution="vandal-gait")
    with pytest.raises(ConfigError, match="trainer_cfg: expected a mapping, got 3"):
        load_config(fake_yaml)


def test_a_plugin_may_refuse_a_configuration(fake_yaml: Path) -> None:
    class Strict:
        @hookimpl
        def gait_configure(self, config: dict[str, Any]) -> None:
            raise ConfigError("not with me")

    default_manager().register(Strict(), distribution="strict-gait")
    with pytest.raises(ConfigError, match="not with me"):
        load_config(fake_yaml)


def test_listed_plugins_alone_are_loaded(
    fake_yaml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = FakeSite(tmp_path, monkeypatch)
    for name in ("fake-gait", "other-gait"):
        site.package(name, manifest(gait_losses={name: "helpers.components.config_fakes:Margin"}))
    manager = Manager()
    manager.register(FakePlugin(), distribution="acme-gait")
    use_manager(manager)
    assert {"fake-gait", "other-gait"} <= {owner.distribution for owner in manager.owners}
    with pytest.raises(ConfigError, match="no installed package offers a model called 'Walker'"):
        load_config(fake_yaml, ["plugins=[fake_gait]"])
    loaded = {owner.distribution for owner in default_manager().owners}
    assert "fake-gait" in loaded
    assert not loaded & {"other-gait", "acme-gait"}
    load_config(fake_yaml)  # it lists none: the process's own manager is back
    assert default_manager() is manager


def test_a_listed_plugin_that_is_not_installed_is_an_error(fake_yaml: Path, tmp_path: Path) -> None:
    child = write(tmp_path, "c.yaml", "inherits: town.yaml\nplugins:\n  - nobodys-gait\n")
    with pytest.raises(ConfigError, match=r"c.yaml:3: plugins: 'nobodys-gait' is not installed"):
        load_config(child)
