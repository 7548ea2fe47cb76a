"""The commands as functions: what a script does is what the command line does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import gait_plugins
from gait_plugins import CheckpointError, ConfigError, DataError, Embeddings, UnknownComponent, load_config
from gait_plugins.cli import app
from gait_plugins.core.runtime.wording import in_arguments, on_command_line
from gait_plugins.core.tools.embeddings import Origin, write_embeddings


def test_every_public_name_is_listed_and_there():
    for module in (gait_plugins, gait_plugins.api):
        assert set(module.__all__) <= set(dir(module))
        assert all(getattr(module, name) is not None for name in module.__all__)


def test_looking_at_the_names_imports_no_torch():
    asked = "import sys, gait_plugins as g; dir(g); g.components(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.usefixtures("tiny")
def test_a_script_trains_tests_and_goes_on(tiny_yaml: Path, tmp_path: Path):
    short = {"trainer_cfg.total_iter": 2, "trainer_cfg.save_iter": 2, "evaluator_cfg.restore_hint": 2}
    first = gait_plugins.train(tiny_yaml, short, device="cpu")
    assert first.checkpoint == first.folder / "checkpoints" / "tiny-00002.pt"
    whole = gait_plugins.train(tiny_yaml, device="cpu", resume=True, allow_changes=True)
    assert whole.checkpoint.name == "tiny-00006.pt"
    found = gait_plugins.test(tiny_yaml, checkpoint=first.checkpoint, device="cpu")
    assert found is not None
    assert (
        found.metrics
        == gait_plugins.test(load_config(str(tiny_yaml), ["evaluator_cfg.restore_hint=2"])).metrics
    )


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    "value", [3, True, None, "a: b", [1, "x"], {"a": [1.5]}, Path("/tmp/x y"), np.float64(0.5)]
)
def test_an_override_may_be_any_value(tiny_yaml: Path, value: object):
    from gait_plugins.config.yaml.overrides import apply, texts_of
    from gait_plugins.config.yaml.tree import Tree

    tree = Tree({"data_cfg": {}})
    apply(tree, texts_of({"data_cfg.option": value}))
    assert tree.data["data_cfg"]["option"] == (str(value) if isinstance(value, Path) else value)


@pytest.mark.usefixtures("tiny")
def test_what_cannot_be_is_said(tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch):
    config = load_config(str(tiny_yaml))
    with pytest.raises(ConfigError, match="takes no overrides"):
        gait_plugins.train(config, {"trainer_cfg.total_iter": 2})
    with pytest.raises(ConfigError, match=r"(?s)is not a recipe: stage=.first. cannot.*leave out stage$"):
        gait_plugins.test(config, stage="first")
    with pytest.raises(ConfigError, match=r"^devices=0: expected 1 or more processes"):
        gait_plugins.test(config, devices=0)
    with pytest.raises(ConfigError, match=r"(?s)cannot be written as YAML: <object.*give numbers"):
        gait_plugins.train(tiny_yaml, {"trainer_cfg.total_iter": object()})
    with pytest.raises(UnknownComponent, match="unknown component kind 'lost'"):
        gait_plugins.get("lost", f"{__file__}:Loss")
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ConfigError, match="this is no program"):
        gait_plugins.train(config, devices=2)


@pytest.mark.usefixtures("tiny")
def test_errors_speak_of_arguments_here_and_of_options_on_the_command_line(tiny_yaml: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"^resume=True and overwrite=True exclude each other: resume=True"):
        gait_plugins.train(tiny_yaml, device="cpu", resume=True, overwrite=True)
    with pytest.raises(ConfigError, match=r"^drop_head=True needs init_from=FILE: it leaves out"):
        gait_plugins.train(tiny_yaml, device="cpu", drop_head=True)
    with pytest.raises(CheckpointError, match=r"-> train first, or give a checkpoint with checkpoint=FILE$"):
        gait_plugins.test(tiny_yaml, device="cpu")
    with pytest.raises(CheckpointError, match=r"-> train first, or give a checkpoint with checkpoint=FILE$"):
        gait_plugins.Embedder(str(tiny_yaml), device="cpu")
    with pytest.raises(ConfigError, match=r"^overrides=\['trainer_cfg.no_such=3'\]: "):
        gait_plugins.train(tiny_yaml, {"trainer_cfg.no_such": 3})
    done = CliRunner().invoke(app, ["train", str(tiny_yaml), "--device", "cpu", "--resume", "--overwrite"])
    assert done.exit_code == 2
    assert "ConfigError: --resume and --overwrite exclude each other: --resume continues" in done.output
    done = CliRunner().invoke(app, ["embed", str(tiny_yaml), "-O", "x.npz", "--device", "cpu"])
    assert "-> train first, or give a checkpoint with --checkpoint FILE" in done.output


def test_words_of_commands_stay_as_they_are_typed():
    @in_arguments(iter="iteration")
    def fail(words: str, init_from: str | None = None, iteration: int = 0, resume: bool = False) -> None:
        raise ConfigError(words, hint="gait-plugins test CONFIG --iter 3 scores it; or go on with --resume")

    with pytest.raises(ConfigError) as told:
        fail("start from --init-from /a/b.pt, not --iter 4, --other, well--known")
    assert told.value.message == "start from init_from='/a/b.pt', not iteration=4, --other, well--known"
    assert told.value.hint == "gait-plugins test CONFIG --iter 3 scores it; or go on with resume=True"
    with on_command_line(), pytest.raises(ConfigError, match=r"^--resume"):
        fail("--resume")


@pytest.mark.usefixtures("tiny")
def test_an_iteration_is_chosen_as_by_the_command(tiny_yaml: Path):
    gait_plugins.train(tiny_yaml, {"trainer_cfg.save_iter": 2}, device="cpu")
    second = gait_plugins.test(tiny_yaml, device="cpu", iteration=2)
    assert second is not None
    chosen = gait_plugins.test(tiny_yaml, {"evaluator_cfg.restore_hint": 2}, device="cpu")
    assert chosen is not None
    assert second.metrics == chosen.metrics
    done = CliRunner().invoke(app, ["test", str(tiny_yaml), "--device", "cpu", "--iter", "3"])
    assert done.exit_code == 2
    assert "there is no such checkpoint" in done.output
    with pytest.raises(ConfigError, match="iteration=2 is for one training, and hybrid/walkers is a recipe"):
        gait_plugins.test("hybrid/walkers", iteration=2)


def test_a_file_of_embeddings_that_is_not_there_is_told():
    with pytest.raises(DataError, match=r"(?s)nope.npz: there is no such file.*gait-plugins embed CONFIG"):
        gait_plugins.evaluate("nope.npz", dataset_name="CASIA-B")


def test_embeddings_of_anywhere_are_scored(tmp_path: Path):
    rng = np.random.default_rng(3)
    people, types, views = ["075", "076", "077"], ["nm-01", "nm-05", "bg-01", "cl-01"], ["000", "090"]
    rows = [(p, t, v) for p in people for t in types for v in views]
    centres = {p: rng.normal(size=(4, 2)) for p in people}
    values = np.stack([centres[p] + rng.normal(scale=0.01, size=(4, 2)) for p, _, _ in rows]).astype(
        np.float32
    )
    labels, kinds, angles = (np.array(column) for column in zip(*rows, strict=True))
    names = np.array(["-".join(row) for row in rows])
    found = Embeddings(values, labels, kinds, angles, names, Origin("own/Model", "", (64, 44)))
    results = gait_plugins.evaluate(found, dataset_name="CASIA-B")
    assert results.metrics["NM@R1"] == 100
    write_embeddings(tmp_path / "own.npz", found)
    chosen = {"eval_func": "evaluate_indoor_dataset", "metric": "cos"}
    again = gait_plugins.evaluate(tmp_path / "own.npz", chosen, dataset_name="CASIA-B")
    assert again.metrics["CL@R1"] == 100
