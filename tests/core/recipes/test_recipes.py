"""Recipes: stages in order, each from what the earlier ones have learnt, exactly resumed."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from helpers.children import import_path
from helpers.components.tiny_recipe import RECIPE_YAML, TinyRecipePlugin, write_recipe
from helpers.components.tiny_training import equal, trained
from helpers.places import PROGRAMS
from helpers.programs.kill_recipe import kill_often
from typer.testing import CliRunner

from gait_plugins import ConfigError
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.config.recipe.load import find_recipe, load_recipe
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.recipes.checks import check_stages, of_stage
from gait_plugins.core.recipes.run import score_recipe, state_of, train_recipe
from gait_plugins.core.runs.changes import read_changes
from gait_plugins.core.runs.compare import compare_runs
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.errors import CheckpointError, GaitPluginsError
from gait_plugins.registry.manager import Manager, use_manager

CPU = RunOptions(device="cpu")


@pytest.fixture(autouse=True)
def _plugin() -> Iterator[None]:
    manager = Manager(allow=[])
    manager.register(TinyRecipePlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    yield
    use_manager(None)


def run(path: Path, *overrides: str, only: str | None = None, **options: object):
    return train_recipe(load_recipe(path, overrides), RunOptions(device="cpu", **options), only)  # type: ignore[arg-type]


def state(folder: Path, stage: str, step: int) -> dict:
    return load_checkpoint(checkpoint_path(folder / "output" / "pair" / stage, stage, step))


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


def test_no_stage_is_trained_where_a_later_one_cannot_be(tmp_path: Path):
    with pytest.raises(ConfigError, match="SparseAdam of torch cannot train this model"):
        run(write_recipe(tmp_path), "beside.optimizer_cfg.solver=SparseAdam")
    assert not (tmp_path / "output").exists()


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


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("base", r"pair.yaml:3: gone.pt: there is no such"),
        ("beside", r"pair.yaml:6: .*weights are given twice: by trainer_cfg.restore_hint \(.*\) and by init"),
    ],
)
def test_a_file_that_a_configuration_starts_from_itself_is_looked_at(tmp_path: Path, stage: str, words: str):
    with pytest.raises(GaitPluginsError, match=words):
        run(write_recipe(tmp_path), f"{stage}.trainer_cfg.restore_hint=gone.pt")


def test_flags_of_one_training_are_refused(tmp_path: Path):
    path = write_recipe(tmp_path)
    with pytest.raises(ConfigError, match="exclude each other"):
        run(path, resume=True, overwrite=True)
    with pytest.raises(ConfigError, match="--init-from is for a single training"):
        run(path, init_from=path)


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


def test_advice_is_for_the_stage_that_it_is_about(tmp_path: Path):
    path = write_recipe(tmp_path)
    with pytest.raises(ConfigError) as caught, of_stage(load_recipe(path)["beside"]):
        raise ConfigError("no", hint="-o trainer_cfg.seed=0 or -o name=x")
    assert caught.value.hint == "-o beside.trainer_cfg.seed=0 or -o name=x"
    late = "beside.evaluator_cfg.conditions={a: [{type: BaseSilTransform}, null]}"
    with pytest.raises(
        ConfigError, match=r"pair.yaml:6: evaluator_cfg.conditions.a: the condition has 2 transforms"
    ):
        run(path, late)
    assert not (tmp_path / "output").exists()


def test_settings_follow_an_earlier_stage(tmp_path: Path):
    recipe = load_recipe(write_recipe(tmp_path), ["base.model_cfg.dropout=0.3"])
    assert recipe["beside"].config.data["model_cfg"]["inner"] == {"model": "TinyModel", "dropout": 0.3}


def test_overrides_for_all_stages_for_one_and_for_the_recipe(tmp_path: Path):
    recipe = load_recipe(
        write_recipe(tmp_path),
        ["trainer_cfg.seed=3", "base.trainer_cfg.save_iter=1", "beside.freeze=[]", "name=x"],
    )
    base, beside = (stage.config.trainer_cfg for stage in recipe.stages)
    assert (base.seed, beside.seed, base.save_iter, beside.save_iter) == (3, 3, 1, 2)
    assert beside.freeze == []
    assert recipe["base"].folder == tmp_path / "output" / "x" / "base"


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


def test_inline_configurations_may_inherit(tmp_path: Path):
    text = RECIPE_YAML.replace(
        "cfgs: tiny.yaml\n    overrides: {trainer_cfg: {total_iter: 4}}", "cfgs: {inherits: tiny.yaml}"
    )
    assert load_recipe(write_recipe(tmp_path, text))["base"].config.trainer_cfg.total_iter == 6


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("freeze: [first]", "freze: [first]", r"pair.yaml:11: stages.1.freze: (?s:.*)did you mean 'freeze'"),
        ("stages:", "stages: 3\nx:", r"pair.yaml:2: stages: expected"),
        ("name: beside", "name: base", r"pair.yaml:6: two stages are named 'base'"),
        ("name: beside", "name: model_cfg", r"cannot be named 'model_cfg'"),
        (
            "first: base",
            "first: bese",
            r"pair.yaml:10: no stage 'bese' before 'beside'\n  -> .*'base'",
        ),
        ("first: base", "first: beside", r"'beside' takes from itself"),
        ("first: base", "first: gone.pt", r"gone.pt: there is no such checkpoint"),
        ("first: base", "firts: base", r"Beside has no part 'firts'\n  -> did you mean 'first'"),
        (
            "first: base",
            "first: {from: base, prefix: nix}",
            r"pair.yaml:10: no keys of the file begin with 'nix', which first is to be taken from",
        ),
        (
            "first: base",
            "first: {from: base, prefix: head}",
            r"pair.yaml:10: the weights do not fit first of Beside",
        ),
        ("first: base", "first: {from: base, strictly: true}", r"no option 'strictly'"),
        ("first: base", "first: {from: base, checkpoint: 3}", r"saves no checkpoint of iteration 3"),
        ("freeze: [first]", "freeze: [frist]", r"pair.yaml:6: .*no part 'frist'"),
        (
            "base.model_cfg",
            "base.model_cgf",
            r"pair.yaml:8: .*no setting 'model_cgf'\n  -> did you mean 'model_cfg'",
        ),
        ("total_iter: 4", "totl_iter: 4", r"pair.yaml:5: trainer_cfg.totl_iter: "),
        ("cfgs: tiny.yaml", "cfgs: tiyn.yaml", r"pair.yaml:4: there is no configuration 'tiyn.yaml'"),
    ],
)
def test_what_is_wrong_is_said_before_any_training(tmp_path: Path, old: str, new: str, words: str):
    path = write_recipe(tmp_path, RECIPE_YAML.replace(old, new, 1))
    with pytest.raises(GaitPluginsError, match=words):
        check_stages(load_recipe(path))
    with pytest.raises(GaitPluginsError, match=words):
        run(path)
    assert not (tmp_path / "output").exists()


def test_a_cycle_is_called_one(tmp_path: Path):
    text = RECIPE_YAML.replace(
        "{trainer_cfg: {total_iter: 4}}", "{trainer_cfg: {total_iter: 4}}\n    init: beside"
    )
    with pytest.raises(
        ConfigError, match=r"'beside' runs only after 'base', and 'beside' takes from 'base': a cycle"
    ):
        load_recipe(write_recipe(tmp_path, text))


def test_data_of_a_late_stage_is_looked_for_before_the_first_one_trains(tmp_path: Path):
    path = write_recipe(tmp_path)
    with pytest.raises(ConfigError, match=r"pair.yaml:6.*is for 4 identities,.* has 9"):
        run(path, "beside.data_cfg.identities=9")
    assert not (tmp_path / "output").exists()


def test_a_recipe_is_no_configuration(tmp_path: Path):
    path = write_recipe(tmp_path)
    with pytest.raises(ConfigError, match=r"pair.yaml:2: this is a recipe"):
        load_config(str(path))
    with pytest.raises(ConfigError, match=r"expected a recipe"):
        load_recipe(tmp_path / "tiny.yaml")


def test_plugins_offer_recipes_by_name(tmp_path: Path):
    found = find_recipe("two_stages")
    assert found is not None
    assert found.name == "tiny_recipe.yaml"
    assert find_recipe("tiny-gait/two_stages") == found
    with pytest.raises(ConfigError, match="recipes from plugins: two_stages"):
        find_recipe("two_stage")


def test_the_command_line_takes_recipes(tmp_path: Path):
    path = str(write_recipe(tmp_path))
    checked = CliRunner().invoke(app, ["config", "check", path])
    assert checked.exit_code == 0, checked.output
    assert "first <- base: 9 of 9 weights" in checked.output
    assert "frozen: first" in checked.output
    resolved = CliRunner().invoke(app, ["config", "check", path, "--resolved"])
    assert list(yaml.safe_load(resolved.output)) == ["base", "beside"]
    for words in (["train", path, "--device", "cpu"], ["test", path, "--stage", "base", "--device", "cpu"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        assert "nearest other sequence" in done.output
    file = tmp_path / "output" / "pair" / "beside" / "checkpoints" / "beside-00006.pt"
    shown = CliRunner().invoke(app, ["checkpoint", "show", str(file)])
    assert "first <- " in shown.output.partition("started from")[2]
    for words in (
        ["train", path, "--init-from", "x.pt"],
        ["test", path, "--iter", "3"],
        ["train", str(tmp_path / "tiny.yaml"), "--stage", "base"],
    ):
        assert CliRunner().invoke(app, words).exit_code == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stages", "One training of a recipe"),
        ("stages.settings", "STAGE.key"),
        ("recipe", "stages: list[mapping of name, cfgs,"),
        ("trainer_cfg.keep_best", "mapping of metric, mode"),
    ],
)
def test_the_keys_are_explained(name: str, words: str):
    explained = CliRunner().invoke(app, ["config", "explain", name])
    assert explained.exit_code == 0, explained.output
    assert words in explained.output


def test_editors_get_a_schema_of_recipes():
    schema = json.loads(CliRunner().invoke(app, ["config", "schema", "--recipe"]).output)
    stage = schema["properties"]["stages"]["items"]
    assert stage["additionalProperties"] is False
    assert {"name", "cfgs", "init", "freeze"} <= stage["properties"].keys()


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
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": import_path()}
    for said in ("begins in", "already finished"):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr[-3000:]
        assert (done.stdout + done.stderr).count(said) == 2
    run(path, *settings, "name=one", only="base")
    folders = [tmp_path / "output" / name / "base" for name in ("one", "two")]
    one, two = (load_checkpoint(checkpoint_path(folder, "base", 4))["model"] for folder in folders)
    assert all(torch.allclose(one[key].float(), two[key].float(), atol=1e-5) for key in one)
