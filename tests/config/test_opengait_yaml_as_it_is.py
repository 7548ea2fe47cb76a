"""YAMLs as OpenGait's users have them are accepted; what they write in vain is a warning with its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from helpers.components.config_fakes import FAKE_YAML, Margin
from helpers.files.layout_files import person, write
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.config import Config, load_config
from gait_plugins.config.yaml.defaults import default_tree
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.data.layout import OpenGaitLayout

SETS = """\
data_cfg:
  dataset_name: CASIA-B
  dataset_root: walks
  num_workers: 0
  remove_no_gallery: false
  test_dataset_name: CASIA-B
  dataset_name: CASIA-B

evaluator_cfg:
  enable_distributed: true
  save_name: sets
  restore_hint: 2
  transform:
    - {type: BaseSilCuttingTransform, img_w: 64}

loss_cfg:
  loss_term_weight: 1.0
  margin: 0.2
  type: TripletLoss
  log_prefix: triplet

model_cfg:
  model: GaitSet
  in_channels: [1, 4, 8, 16]
  SeparateFCs: {in_channels: 16, out_channels: 8, parts_num: 62}
  bin_num: [16, 8, 4, 2, 1]

optimizer_cfg:
  lr: 0.0001
  momentum: 0.9
  solver: Adam
  weight_decay: 0

scheduler_cfg:
  gamma: 0.1
  milestones: [10000]
  scheduler: MultiStepLR
  step_size: 5

trainer_cfg:
  enable_distributed: true
  fix_layers: false
  fix_BN: false
  enable_float16: false
  save_name: sets
  total_iter: 2
  sampler: {type: TripletSampler, batch_size: [2, 2], sample_type: fixed_unordered, frames_num_fixed: 4}
  transform:
    - type: BaseSilCuttingTransform
      img_w: 64
"""
"""What is odd in files that OpenGait runs, in one of them."""
ODD = {
    "sets.yaml:7": "the key 'dataset_name' is written twice, first in line 2, with the same value",
    "sets.yaml:10": "evaluator_cfg.enable_distributed: has no effect; --devices or torchrun",
    "sets.yaml:14": "evaluator_cfg.transform.0.img_w: has no effect; the width follows from the frames",
    "sets.yaml:30": r"optimizer_cfg.momentum: has no effect; Adam \(torch .*\) has no such option",
    "sets.yaml:38": r"scheduler_cfg.step_size: has no effect; MultiStepLR \(torch .*\) has no such option",
    "sets.yaml:41": "trainer_cfg.enable_distributed: has no effect",
    "sets.yaml:42": "trainer_cfg.fix_layers: has no effect; OpenGait does not read it either",
    "sets.yaml:50": "trainer_cfg.transform.0.img_w: has no effect",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(folder: Path, text: str = SETS, *overrides: str) -> Config:
    (folder / "sets.yaml").write_text(text)
    return load_config("sets.yaml", overrides)


def complaint(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, *overrides)
    return str(caught.value)


def lay_out_walks(folder: Path) -> None:
    for label in ("001", "002", "075", "076"):
        for kind in ("nm-01", "nm-05", "bg-01"):
            for view in ("000", "090"):
                write(folder / "walks" / label / kind / view / f"{view}.pkl", person(frames=5))


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def test_what_has_no_effect_is_a_warning_with_its_line(folder: Path) -> None:
    warnings = loaded(folder).warnings
    assert sorted(str(warning.where) for warning in warnings) == sorted(ODD)
    for warning in warnings:
        assert re.search(ODD[str(warning.where)], warning.message), warning
        assert warning.hint in ("remove the line", "keep one of the two")


def test_what_has_no_effect_is_dropped(folder: Path) -> None:
    config = loaded(folder)
    assert config.optimizer_cfg.options == {"lr": 0.0001, "weight_decay": 0}
    assert "img_w" not in str(config.data)
    assert "fix_layers" not in str(config.data)
    assert load_config(config.data).warnings == ()  # nothing is said again when a run is resumed or used


def test_config_check_prints_the_warnings_and_accepts(folder: Path) -> None:
    (folder / "sets.yaml").write_text(SETS)
    printed = run("config", "check", "sets.yaml")
    assert printed.count("warning: ") == len(ODD)
    assert "warning: sets.yaml:30: optimizer_cfg.momentum: has no effect" in printed
    assert "sets.yaml is accepted" in printed


def test_training_and_test_show_each_warning_once(folder: Path) -> None:
    (folder / "sets.yaml").write_text(SETS)
    lay_out_walks(folder)
    for command in ("train", "test"):
        printed = run(command, "sets.yaml", "--device", "cpu")
        assert printed.count("has no effect") == len(ODD) - 1
        assert printed.count("is written twice") == 1


def test_an_override_that_has_no_effect_is_its_own_place(folder: Path) -> None:
    warnings = loaded(folder, SETS, "trainer_cfg.fix_layers=true").warnings
    (warning,) = [warning for warning in warnings if warning.where == "-o trainer_cfg.fix_layers=true"]
    assert warning.message.startswith("has no effect")


def test_an_option_that_no_optimiser_knows_stays_an_error(folder: Path) -> None:
    text = complaint(folder, SETS.replace("  momentum: 0.9", "  momentun: 0.9"))
    assert re.search(r"sets.yaml:30: optimizer_cfg.momentun: Adam \(torch .*no option 'momentun'", text)
    text = complaint(folder, SETS.replace("  step_size: 5", "  steps: 5"))
    assert re.search(r"sets.yaml:38: scheduler_cfg.steps: MultiStepLR \(torch .*no option 'steps'", text)


@pytest.mark.parametrize(
    "again",
    ["  dataset_name: GREW\n", "  dataset_name:\n", "  num_workers: 1\n", "  remove_no_gallery: 0\n"],
)
def test_a_key_with_two_values_stays_an_error(folder: Path, again: str) -> None:
    text = complaint(folder, SETS.replace("  dataset_name: CASIA-B\n\n", f"{again}\n"))
    assert re.search(r"sets.yaml:7: the key '\w+' is written twice, first in line \d", text)


def test_a_mapping_may_be_written_twice_if_it_says_the_same(folder: Path) -> None:
    again = "\noptimizer_cfg: {solver: Adam, lr: 0.0001, momentum: 0.9, weight_decay: 0}\n"
    assert "the key 'optimizer_cfg' is written twice" in loaded(folder, SETS + again).warnings[0].message
    assert "written twice" in complaint(folder, SETS + again.replace("0.9", "0.8"))


def test_a_mapping_written_twice_with_an_endless_alias_is_an_error(folder: Path) -> None:
    assert "endless" in complaint(folder, "a: &x {b: *x}\na: {b: 1}\n")


SILENCE: dict[str, dict[str, Any]] = {
    "data_cfg": {"num_workers": 1, "remove_no_gallery": False, "cache": False},
    "model_cfg": {"model": "Baseline"},
    "loss_cfg": {"loss_term_weight": 1.0, "margin": 0.2, "type": "TripletLoss", "log_prefix": "triplet"},
    "optimizer_cfg": {"solver": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0005},
    "scheduler_cfg": {"scheduler": "MultiStepLR", "gamma": 0.1, "milestones": [20000, 40000, 60000]},
    "trainer_cfg": {
        "find_unused_parameters": False,
        "enable_float16": True,
        "with_test": False,
        "fix_BN": False,
        "sync_BN": False,
        "log_iter": 100,
        "save_iter": 2000,
        "total_iter": 80000,
        "save_name": "tmp",
        "restore_hint": 0,
        "restore_ckpt_strict": True,
        "optimizer_reset": False,
        "scheduler_reset": False,
        "sampler": {
            "type": "TripletSampler",
            "batch_size": [8, 16],
            "batch_shuffle": False,
            "sample_type": "fixed_unordered",
            "frames_num_fixed": 30,
            "frames_num_min": 25,
            "frames_num_max": 50,
        },
        "transform": [{"type": "BaseSilCuttingTransform"}],
    },
    "evaluator_cfg": {
        "enable_float16": False,
        "restore_ckpt_strict": True,
        "eval_func": "evaluate_indoor_dataset",
        "metric": "euc",
        "cross_view_gallery": False,
        "sampler": {"type": "InferenceSampler", "batch_size": 4, "sample_type": "all_ordered"},
        "transform": [{"type": "BaseSilCuttingTransform"}],
    },
}
"""What OpenGait means where a YAML is silent, but for what here follows other keys or is a rule."""


@pytest.mark.parametrize("section", SILENCE)
def test_silence_means_the_same_in_every_section(section: str) -> None:
    ours = default_tree().data[section]
    assert {key: ours[key] for key in SILENCE[section]} == SILENCE[section]


def test_what_a_test_is_silent_about_follows_the_training(folder: Path) -> None:
    text = SETS.replace("  save_name: sets\n  restore_hint: 2\n", "").replace(
        "  test_dataset_name: CASIA-B\n", ""
    )
    config = loaded(folder, text)
    assert (config.evaluator_cfg.save_name, config.evaluator_cfg.restore_hint) == ("sets", 2)
    assert config.data_cfg.test_dataset_name == "CASIA-B"


# --- the partition that is a rule ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["CASIA-B", "casiab", "CASIA_B", "Casia B"])
def test_casia_b_needs_no_partition_file(folder: Path, name: str) -> None:
    lay_out_walks(folder)
    text = SETS.replace("dataset_name: CASIA-B", f"dataset_name: {name}")
    data = loaded(folder, text).data_cfg.dataset.build()
    partition = data.partition()
    assert (partition.train[0], partition.train[-1], len(partition.train)) == ("001", "074", 74)
    assert (partition.test[0], partition.test[-1], len(partition.test)) == ("075", "124", 50)
    assert {ref.label for ref in data.sequences("test")} == {"075", "076"}


def test_a_partition_that_is_given_wins_over_the_rule(folder: Path) -> None:
    lay_out_walks(folder)
    (folder / "own.json").write_text('{"TRAIN_SET": ["076"], "TEST_SET": ["001"]}')
    data = loaded(folder, SETS, "data_cfg.dataset_partition=own.json").data_cfg.dataset.build()
    assert {ref.label for ref in data.sequences("train")} == {"076"}


@pytest.mark.parametrize("kind", ["OpenGaitLayout", "PackedSilhouettes"])
def test_without_a_rule_the_partition_is_needed_before_any_work(folder: Path, kind: str) -> None:
    text = complaint(folder, SETS.replace("CASIA-B", "GREW"), f"data_cfg.type={kind}")
    assert re.search(rf"sets.yaml:1: data_cfg: {kind} \(.*\) needs the option 'dataset_partition'", text)
    assert "may be left out only with data_cfg.dataset_name: CASIA-B" in text


def test_no_rule_is_followed_for_a_name_that_nobody_wrote(folder: Path) -> None:
    text = SETS.replace("  dataset_name: CASIA-B\n", "")
    assert "needs the option 'dataset_partition'" in complaint(folder, text)
    with pytest.raises(ConfigError, match="needs the option 'dataset_partition'"):
        OpenGaitLayout("walks")


def test_a_missing_partition_file_of_such_a_data_set_may_be_left_out(folder: Path) -> None:
    lay_out_walks(folder)
    data = loaded(folder, SETS, "data_cfg.dataset_partition=none.json").data_cfg.dataset.build()
    with pytest.raises(DataError, match="leave it out: the partition of CASIA-B is built in"):
        data.sequences("train")


# --- the same for anybody's components -----------------------------------------------------------


def fake(folder: Path, old: str, new: str) -> Config:
    assert old in FAKE_YAML
    return loaded(folder, FAKE_YAML.replace(old, new, 1))


@pytest.mark.usefixtures("fakes")
def test_any_component_may_ignore_options(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Margin, "ignored_options", {"power": "distances are never squared"})
    config = fake(folder, "margin: 0.3", "power: 2")
    assert [warning.message for warning in config.warnings] == [
        "loss_cfg.0.power: has no effect; distances are never squared"
    ]
    assert config.loss_cfg[0].component.options == {}


@pytest.mark.usefixtures("fakes")
def test_any_component_may_say_that_its_options_do_not_fit_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_options(**options: Any) -> None:
        if options.get("margin") == 0.3:
            raise ConfigError("has no use for a margin of 0.3", hint="use 0.2")

    monkeypatch.setattr(Margin, "check_options", check_options)
    with pytest.raises(ConfigError) as caught:
        loaded(folder, FAKE_YAML)
    assert re.search(
        r"loss_cfg.0: Margin \(acme-gait 1.2\) has no use for .*\n  -> use 0.2", str(caught.value)
    )


def test_a_threshold_of_frames_that_nobody_reads_is_a_warning(folder: Path) -> None:
    warnings = loaded(folder, SETS, "data_cfg.frame_threshold=60").warnings
    (warning,) = [warning for warning in warnings if warning.where == "-o data_cfg.frame_threshold=60"]
    assert "OpenGait does not read it either: short sequences are kept" in warning.message
