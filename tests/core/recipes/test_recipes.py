"""Recipes: stages in order, each from what the earlier ones have learnt, exactly resumed."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.children import import_path
from helpers.components.tiny_recipe import CPU, RECIPE_YAML, run, state, write_recipe
from helpers.components.tiny_training import equal, trained
from helpers.places import PROGRAMS
from helpers.programs.kill_recipe import kill_often
from typer.testing import CliRunner

from gait_plugins import ConfigError
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.recipes.checks import check_stages
from gait_plugins.core.recipes.run import score_recipe, state_of
from gait_plugins.core.runs.compare import compare_runs
from gait_plugins.errors import CheckpointError


def test_stages_run_in_order_and_hand_their_weights_on(tmp_path: Path):
    results = run(write_recipe(tmp_path))
    base, beside = state(tmp_path, "base", 4), state(tmp_path, "beside", 6)
    for key, value in base["model"].items():
        assert torch.equal(beside["model"][f"first.{key}"], value), key
    assert not torch.equal(beside["model"]["head.weight"], base["model"]["head.weight"])
    assert results is not None
    assert [(r["part"], r["prefix"], r["taken"]) for r in beside["init"]] == [
        ("first", "", 9),
        ("head", "head", 2),
    ]
    folder = tmp_path / "output" / "pair"
    assert json.loads((folder / "beside" / "init.json").read_text()) == beside["init"]
    again = load_config(str(folder / "beside" / "config.yaml"))
    assert again.run_dir == str(folder / "beside")
    assert again.trainer_cfg.freeze == ["first"]


def test_finished_stages_are_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write_recipe(tmp_path)
    run(path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.pt")}
    caplog.set_level(logging.INFO, "gait_plugins")
    run(path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.pt")} == before
    assert caplog.text.count("already finished") == 2


def test_a_stage_that_was_cut_off_goes_on_and_ends_the_same(tmp_path: Path):
    path = write_recipe(tmp_path)
    run(path)
    whole = state(tmp_path, "beside", 6)
    for step in (4, 6):
        checkpoint_path(tmp_path / "output" / "pair" / "beside", "beside", step).unlink()
    assert [state_of(stage) for stage in load_recipe(path).stages] == ["finished", "interrupted"]
    run(path)
    assert equal(trained(state(tmp_path, "beside", 6)), trained(whole))
    # Killed before its first checkpoint: it begins once more, from the same weights.
    shutil.rmtree(tmp_path / "output" / "pair" / "beside" / "checkpoints")
    run(path)
    assert equal(trained(state(tmp_path, "beside", 6)), trained(whole))


def test_a_stage_killed_before_its_last_figure_is_not_finished(tmp_path: Path):
    path = write_recipe(
        tmp_path, RECIPE_YAML.replace("{total_iter: 4}", "{total_iter: 4, keep_best: {metric: R1}}")
    )
    run(path, only="base")
    history = tmp_path / "output" / "pair" / "base" / "validation.json"
    whole = history.read_text()
    history.write_text(json.dumps({"2": json.loads(whole)["2"]}))
    assert state_of(load_recipe(path)["base"]) == "interrupted"
    with pytest.raises(CheckpointError, match=r"'base' is not finished"):
        run(path, only="beside")
    run(path, only="base")
    assert history.read_text() == whole
    assert state_of(load_recipe(path)["base"]) == "finished"


def test_one_stage_alone(tmp_path: Path):
    path = write_recipe(tmp_path)
    with pytest.raises(CheckpointError, match=r"'base' is not finished: it has not started"):
        run(path, only="beside")
    run(path, only="base")
    assert not (tmp_path / "output" / "pair" / "beside").exists()
    run(path, only="beside")
    with pytest.raises(ConfigError, match=r"unknown stage 'besid'.*\n  -> did you mean 'beside'"):
        run(path, only="besid")


def test_more_steps_go_on_from_the_last(tmp_path: Path):
    path = write_recipe(tmp_path)
    run(path)
    run(path, "beside.trainer_cfg.total_iter=8")
    assert state(tmp_path, "beside", 8)["iteration"] == 8


def test_an_earlier_checkpoint_may_be_taken(tmp_path: Path):
    text = RECIPE_YAML.replace("first: base", "first: {from: base, checkpoint: 2}")
    run(write_recipe(tmp_path, text))
    early = state(tmp_path, "base", 2)["model"]["conv.weight"]
    assert torch.equal(state(tmp_path, "beside", 6)["model"]["first.conv.weight"], early)


def test_a_part_may_start_from_a_file_beside_the_recipe(tmp_path: Path):
    run(write_recipe(tmp_path))
    shutil.copy(checkpoint_path(tmp_path / "output" / "pair" / "base", "base", 4), tmp_path / "mine.pt")
    path = write_recipe(tmp_path, RECIPE_YAML.replace("first: base", "first: mine.pt") + "name: other\n")
    run(path)
    other = checkpoint_path(tmp_path / "output" / "other" / "beside", "beside", 6)
    assert load_checkpoint(other)["init"][0]["file"] == str(tmp_path / "mine.pt")


def test_a_part_that_the_model_need_not_have(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    text = RECIPE_YAML.replace("head: base", "BNNecks: {from: base, optional: true}")
    path = write_recipe(tmp_path, text)
    with caplog.at_level(logging.INFO, logger="gait_plugins"):
        for _ in range(2):
            run(path)
    assert caplog.text.count("Beside has no part 'BNNecks': no weights are taken for it") == 1
    assert [record["part"] for record in state(tmp_path, "beside", 6)["init"]] == ["first"]
    said = CliRunner().invoke(app, ["config", "check", str(path)]).output
    assert "BNNecks <- nothing: Beside has no such part" in said


def test_a_frozen_part_without_weights_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    check_stages(load_recipe(write_recipe(tmp_path)))
    assert not caplog.records
    check_stages(load_recipe(write_recipe(tmp_path, RECIPE_YAML.replace("first: base, ", ""))))
    assert "first of Beside is frozen and takes no weights" in caplog.text
    inner = RECIPE_YAML.replace("first: base", "first.conv: {from: base, prefix: conv}")
    check_stages(load_recipe(write_recipe(tmp_path, inner)))
    assert len(caplog.records) == 1


def test_a_stage_is_scored_by_its_own_protocol(tmp_path: Path):
    path = write_recipe(tmp_path)
    results = run(path)
    scored = score_recipe(load_recipe(path), CPU)
    assert scored is not None
    assert results is not None
    assert scored.metrics == results.metrics
    score_recipe(load_recipe(path), CPU, only="base")
    folder = tmp_path / "output" / "pair"
    assert list((folder / "base").glob("results-4*.json"))
    assert compare_runs(folder / "base", folder / "beside").figures


def test_the_best_checkpoint_of_a_stage_is_scored_where_its_restore_hint_says_so(tmp_path: Path):
    path = write_recipe(tmp_path)
    settings = ["base.trainer_cfg.keep_best={metric: R1}", "base.trainer_cfg.save_iter=2"]
    run(path, *settings, only="base")
    folder = tmp_path / "output" / "pair" / "base"
    best = load_checkpoint(folder / "checkpoints" / "best.pt")
    best["iteration"] = 1  # to be told from the others
    torch.save(best, folder / "checkpoints" / "best.pt")
    recipe = load_recipe(path, [*settings, "base.evaluator_cfg.restore_hint=best"])
    score_recipe(recipe, CPU, only="base")
    assert list(folder.glob("results-1-*.json"))


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and process groups")
def test_kills_in_the_second_stage_leave_no_trace(tmp_path: Path):
    path, output = write_recipe(tmp_path), tmp_path / "output"
    settings = [
        "data_cfg.num_workers=1",
        "beside.trainer_cfg.total_iter=24",
        "beside.trainer_cfg.with_test=false",
    ]
    seen = kill_often(str(path), "beside", output, 5, settings)
    assert seen["killed"] == 5
    assert seen["in_stage"] >= 4
    assert seen["with_checkpoints"] >= 3
    ends = [
        load_checkpoint(checkpoint_path(tmp_path / "output" / name / "beside", "beside", 24))
        for name in ("whole", "killed")
    ]
    assert equal(trained(ends[0]), trained(ends[1]))


@pytest.mark.heavy
def test_two_processes_train_the_stages_together(tmp_path: Path):
    path = write_recipe(tmp_path)
    exact = ["optimizer_cfg={solver: SGD, lr: 0.1}", "trainer_cfg.sync_BN=true", "base.model_cfg.dropout=0.0"]
    settings = [*exact, "beside.trainer_cfg.find_unused_parameters=true", "beside.model_cfg.channels=4"]
    recipe = ["train", str(path), "--device", "cpu", "-o", "name=two"]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += [str(PROGRAMS / "run_recipe.py"), *recipe]
    command += [word for setting in settings for word in ("-o", setting)]
    environment = os.environ | {"PYTHONPATH": import_path()}
    for said in ("begins in", "already finished"):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr[-3000:]
        assert (done.stdout + done.stderr).count(said) == 2
    run(path, *settings, "name=one", only="base")
    folders = [tmp_path / "output" / name / "base" for name in ("one", "two")]
    one, two = (load_checkpoint(checkpoint_path(folder, "base", 4))["model"] for folder in folders)
    assert all(torch.allclose(one[key].float(), two[key].float(), atol=1e-5) for key in one)
