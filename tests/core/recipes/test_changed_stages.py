"""Changed stages: a stage that was trained with other settings, weights or data is not finished."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from helpers.components.tiny_recipe import run, write_recipe

from gait_plugins import ConfigError
from gait_plugins.core.checkpoints.files import checkpoint_path
from gait_plugins.core.runs.changes import read_changes


def test_other_settings_or_weights_than_before_are_no_finished_stage(tmp_path: Path):
    path = write_recipe(tmp_path)
    run(path)
    with pytest.raises(
        ConfigError, match=r"'base' was trained with other settings:\n  optimizer_cfg.lr was 0.01 and is 0.1"
    ):
        run(path, "base.optimizer_cfg.lr=0.1")
    run(path, "base.optimizer_cfg.lr=0.1", only="base", overwrite=True)
    with pytest.raises(
        ConfigError, match=r"'beside' was trained with other settings:\n  trainer_cfg.init.first was weights"
    ):
        run(path, "base.optimizer_cfg.lr=0.1")
    run(path, "base.optimizer_cfg.lr=0.1", only="beside", overwrite=True)
    run(path, "base.optimizer_cfg.lr=0.1", "data_cfg.num_workers=0", "evaluator_cfg.restore_hint=2")


def test_a_setting_that_an_earlier_version_did_not_know_is_no_difference(tmp_path: Path):
    path = write_recipe(tmp_path)
    run(path, only="base")
    config = tmp_path / "output" / "pair" / "base" / "config.yaml"
    then = yaml.safe_load(config.read_text())
    del then["trainer_cfg"]["frozen_mode"]
    config.write_text(yaml.safe_dump(then))
    run(path, only="base")
    with pytest.raises(ConfigError, match=r"frozen_mode was eval and is train now"):
        run(path, "base.frozen_mode=train", only="base")


def test_changes_of_stages_may_be_allowed(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """A finished stage stays as it is, with a warning; an interrupted one goes on with the new settings."""
    path = write_recipe(tmp_path)
    run(path)
    folder = tmp_path / "output" / "pair"
    checkpoint_path(folder / "beside", "beside", 6).unlink()
    before = {file: file.stat().st_mtime_ns for file in (folder / "base").rglob("*.pt")}
    with pytest.raises(ConfigError, match=r"'beside' was trained .*:\n  trainer_cfg.seed was 0 and is 5 now"):
        run(path, "beside.trainer_cfg.seed=5")
    run(path, "trainer_cfg.seed=5", allow_changes=True)
    assert {file: file.stat().st_mtime_ns for file in (folder / "base").rglob("*.pt")} == before
    assert (
        "base was trained with other settings, and stays as it is:\n  trainer_cfg.seed was 0" in caplog.text
    )
    assert read_changes(folder / "beside") == [
        {"after_step": 4, "changes": [{"name": "trainer_cfg.seed", "then": 0, "now": 5}]}
    ]


def test_other_sequences_than_before_are_no_finished_stage(tmp_path: Path):
    path = write_recipe(tmp_path)
    run(path, only="base")
    record = tmp_path / "output" / "pair" / "base" / "data.json"
    record.write_text(record.read_text().replace('"identities": 4', '"identities": 5'))
    with pytest.raises(ConfigError, match=r"training sequences was .* of 5 identities .* and is .* of 4"):
        run(path, only="base")
    record.unlink()  # as an older version left it
    run(path, only="base")
