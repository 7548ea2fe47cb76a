"""Two runs side by side: what differs between them, beside their figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from helpers.components.tiny import TINY_YAML
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.config import Config, load_config
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runs.compare import Difference, compare_runs
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

CPU = RunOptions(device="cpu")


def gait(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def named(name: str, *overrides: str) -> Config:
    """The tiny configuration with two steps, under another name."""
    ours = [f"{section}_cfg.save_name={name}" for section in ("trainer", "evaluator")]
    steps = ["trainer_cfg.total_iter=2", "evaluator_cfg.restore_hint=2"]
    return load_config("tiny.yaml", [*ours, *steps, *overrides])


@pytest.fixture
def runs(tiny: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds the runs ``a`` and ``b``, trained and tested."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(TINY_YAML)
    other = ("trainer_cfg.seed=7", "optimizer_cfg.lr=0.02", "data_cfg.walks=4")
    for config in (named("a"), named("b", *other)):
        train(config, CPU)
        score(config, CPU)
    return tmp_path / "output" / "Tiny" / "TinyModel"


def test_seeds_data_and_settings_are_told_apart(runs: Path) -> None:
    found = compare_runs(runs / "a", runs / "b")
    assert found.seeds == (Difference("trainer_cfg.seed", 0, 7),)
    assert found.data[0] == Difference("data_cfg.walks", None, 4)
    assert [(d.name, d.a[:20], d.b[:20]) for d in found.data[1:]] == [
        ("training sequences", "20 of 4 identities (", "16 of 4 identities (")
    ]
    assert found.settings == (Difference("optimizer_cfg.lr", 0.01, 0.02),)
    assert found.versions == found.machine == ()
    assert {d.name for d in found.scored} == {"probes", "gallery"}
    assert [d.name for d in found.figures] == ["R1"]


def test_a_setting_that_an_older_run_does_not_hold_has_its_default(runs: Path) -> None:
    for name in ("a", "b"):
        path = runs / name / "config.yaml"
        config = yaml.safe_load(path.read_text())
        assert config["trainer_cfg"].pop("accumulate") == 1
        if name == "b":
            config["trainer_cfg"] |= {"accumulate": 1, "clip_grad_norm": 2.0, "fix_BN": False}
        path.write_text(yaml.safe_dump(config))
    found = compare_runs(runs / "a", runs / "b").settings
    assert [d for d in found if d.name.startswith("trainer_cfg.")] == [
        Difference("trainer_cfg.clip_grad_norm", None, 2.0)
    ]
    config["trainer_cfg"]["accumulate"] = 4
    path.write_text(yaml.safe_dump(config))
    found = compare_runs(runs / "a", runs / "b").settings
    assert Difference("trainer_cfg.accumulate", 1, 4) in found


def test_people_see_figures_first_and_then_what_differs(runs: Path) -> None:
    code, output = gait("runs", "compare", str(runs / "a"), str(runs / "b"))
    assert code == 0
    titles = ("figures (%)", "scored differently", "seeds", "data", "settings")
    places = [output.index(f"\n{title}") for title in titles]
    assert places == sorted(places)
    assert "save_name" not in output
    assert "versions" not in output


def test_programs_get_the_same_as_json(runs: Path) -> None:
    code, output = gait("runs", "compare", str(runs / "a"), str(runs / "b"), "--json")
    data = json.loads(output)
    assert code == 0
    assert data["seeds"] == [{"name": "trainer_cfg.seed", "a": 0, "b": 7}]
    assert set(data["figures"][0]) == {"name", "a", "b"}


def test_other_versions_of_packages_and_components_show(runs: Path) -> None:
    environment = json.loads((runs / "b" / "environment.json").read_text())
    environment["packages"]["torch"] = "1.13"
    (runs / "b" / "environment.json").write_text(json.dumps({**environment, "threads": 64}))
    plugins = json.loads((runs / "b" / "plugins.json").read_text())
    plugins["model/TinyModel"]["version"] = "0.9"
    (runs / "b" / "plugins.json").write_text(json.dumps(plugins))
    found = compare_runs(runs / "a", runs / "b")
    assert [d.name for d in found.versions] == ["torch", "model/TinyModel"]
    assert found.versions[1].b.startswith("tiny-gait 0.9 ")
    assert [d.name for d in found.machine] == ["threads"]


def test_results_of_different_steps_are_not_taken_for_equal_ones(runs: Path) -> None:
    config = named("a", "trainer_cfg.total_iter=4", "evaluator_cfg.restore_hint=4")
    train(config, RunOptions(device="cpu", resume=True))
    score(config, CPU)
    assert Difference("step", 4, 2) in compare_runs(runs / "a", runs / "b").scored
    assert "step" not in {d.name for d in compare_runs(runs / "a", runs / "b", 2).scored}


def test_what_changed_in_the_middle_of_a_run_shows(runs: Path) -> None:
    config = named("a", "trainer_cfg.total_iter=4", "optimizer_cfg.lr=0.05")
    train(config, RunOptions(device="cpu", resume=True, allow_changes=True))
    score(config, CPU)
    found = compare_runs(runs / "a", runs / "b")
    assert found.changes == (Difference("after step 2: optimizer_cfg.lr", "0.01 -> 0.05", None),)
    code, output = gait("runs", "compare", str(runs / "a"), str(runs / "b"))
    assert code == 0
    assert "changed in the middle of a run" in output
    (runs / "a" / "changes.json").write_text("[{}]")
    code, output = gait("runs", "compare", str(runs / "a"), str(runs / "b"))
    assert code == 2
    assert "changes.json: the record of changed settings cannot be read" in output


def test_runs_of_the_same_settings_say_so(runs: Path) -> None:
    for config in (named("c"), named("d", "output_dir=elsewhere")):
        train(config, CPU)
        score(config, CPU)
    code, output = gait("runs", "compare", str(runs / "c"), "elsewhere/Tiny/TinyModel/d")
    assert code == 0
    assert "the two runs have the same settings, data, versions, seeds and machine" in output


def test_a_run_that_was_only_tested_is_compared_too(runs: Path) -> None:
    file = runs / "a" / "checkpoints" / "a-00002.pt"
    score(named("tested", f"evaluator_cfg.restore_hint={file}"), CPU)
    found = compare_runs(runs / "a", runs / "tested")
    assert found.figures[0].a == found.figures[0].b
    assert "evaluator_cfg.restore_hint" in {d.name for d in found.settings}


def test_what_cannot_be_compared_is_said_with_code_two(runs: Path) -> None:
    def refused(*words: str) -> str:
        code, output = gait("runs", "compare", *words)
        assert code == 2
        assert "Traceback" not in output
        return output

    a, b = str(runs / "a"), str(runs / "b")
    assert "the two run folders are the same" in refused(a, f"{runs}/b/../a")
    assert "no such folder" in refused(a, str(runs / "z"))
    assert "this is a file" in refused(a, "tiny.yaml")
    assert "not a run folder" in refused(a, str(runs))
    assert "no results of step 9; it has those of 2" in refused(a, b, "--step", "9")
    (runs / "b" / "results-2-Nearest.json").write_text("{")
    assert "cannot be read" in refused(a, b)
    (runs / "b" / "results-2-Nearest.json").unlink()
    assert "gait-plugins test CONFIG" in refused(a, b)


def test_tests_by_two_protocols_stand_beside_each_other(runs: Path) -> None:
    name = "results-2-{}.json"
    for run, figure in (("a", 10.0), ("b", 30.0)):
        content = json.loads((runs / run / name.format("Nearest")).read_text())
        other = content | {"protocol": "farthest", "metrics": {"R1": figure}}
        (runs / run / name.format("Farthest")).write_text(json.dumps(other))
    assert compare_runs(runs / "a", runs / "b").figures == (Difference("R1", 10.0, 30.0),)  # the newest
    nearest = compare_runs(runs / "a", runs / "b", protocol="Nearest")
    assert "protocol" not in {d.name for d in nearest.scored}
    (runs / "b" / name.format("Farthest")).unlink()
    assert compare_runs(runs / "a", runs / "b").figures == nearest.figures  # what both have
    (runs / "b" / name.format("Nearest")).rename(runs / "b" / name.format("Farthest"))
    (runs / "a" / name.format("Farthest")).unlink()
    compare_runs(runs / "a", runs / "b")
    code, output = gait("runs", "compare", str(runs / "a"), str(runs / "b"), "--protocol", "Nearest")
    assert code == 2
    assert "no results by the protocol Nearest; it has those by Farthest" in output


def test_results_under_their_older_name_are_read_too(runs: Path) -> None:
    named_figures = compare_runs(runs / "a", runs / "b").figures
    for folder in (runs / "a", runs / "b"):
        (path,) = folder.glob("results-2-*.json")
        path.rename(folder / "results-2.json")
        assert compare_runs(runs / "a", runs / "b").figures == named_figures
    code, output = gait("runs", "compare", str(runs / "a"), str(runs / "b"), "--protocol", "Nearest")
    assert code == 2
    assert "no results by the protocol Nearest; it has those by an unnamed protocol" in output


def test_a_damaged_record_is_named(runs: Path) -> None:
    (runs / "b" / "config.yaml").write_text("[1, 2]")
    code, output = gait("runs", "compare", str(runs / "a"), str(runs / "b"))
    assert code == 2
    assert "config.yaml" in output
    (runs / "b" / "config.yaml").write_text(yaml.safe_dump({}))
    (runs / "b" / "plugins.json").unlink()
    code, output = gait("runs", "compare", str(runs / "a"), str(runs / "b"))
    assert code == 2
    assert "plugins.json: the record of the run cannot be read: the file is missing" in output


def test_long_values_show_where_they_differ(runs: Path) -> None:
    for name, end in (("a", "first"), ("b", "second")):
        path = runs / name / "config.yaml"
        config = yaml.safe_load(path.read_text())
        config["data_cfg"]["dataset_root"] = f"/a/long/way/{'down/' * 12}{end}"
        path.write_text(yaml.safe_dump(config))
    output = gait("runs", "compare", str(runs / "a"), str(runs / "b"))[1]
    assert "down/first" in output
    assert "down/second" in output


def test_a_figure_that_is_no_number_is_named(runs: Path) -> None:
    (path,) = (runs / "b").glob("results-*.json")
    results = json.loads(path.read_text())
    results["metrics"]["R1"] = "high"
    path.write_text(json.dumps(results))
    code, output = gait("runs", "compare", str(runs / "a"), str(runs / "b"))
    assert code == 2
    assert "the figure R1 is not a number" in output
