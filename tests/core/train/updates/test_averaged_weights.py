"""Averaged weights of a training: what is tested, saved, gone on with and started from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.components.tiny_training import equal, final, run, trained
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision

from gait_plugins import EmbeddingSet
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train import state as training
from gait_plugins.errors import CheckpointError, ConfigError

pytestmark = pytest.mark.usefixtures("tiny")

EMA = "trainer_cfg.ema={decay: 0.8}"
CPU = RunOptions(device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


def test_a_checkpoint_holds_both_and_the_training_is_the_same(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    without = final(folder)
    run(tiny_yaml, EMA, overwrite=True)
    state = final(folder)
    assert equal(state["last_step"], without["model"])
    assert equal(
        [state[key] for key in ("losses", "optimizer")], [without[k] for k in ("losses", "optimizer")]
    )
    assert not torch.equal(state["model"]["conv.weight"], without["model"]["conv.weight"])
    assert torch.equal(state["model"]["norm.running_mean"], without["model"]["norm.running_mean"])
    assert state["ema"] == {"updates": 6, "exact": {}}


def test_the_average_is_that_of_the_steps(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, "optimizer_cfg.lr=0.0", "trainer_cfg.total_iter=1")
    average = final(folder, 1)["model"]["head.weight"].double()
    settings = ("trainer_cfg.ema={decay: 0.3, warm: false, every: 2}", "trainer_cfg.save_iter=1")
    run(tiny_yaml, *settings, overwrite=True)
    for step in (2, 4, 6):
        average = 0.3 * average + 0.7 * final(folder, step)["last_step"]["head.weight"].double()
    torch.testing.assert_close(final(folder)["model"]["head.weight"].double(), average, atol=1e-6, rtol=0)


@pytest.mark.parametrize("freeze", ["[]", "[conv]"])
def test_a_resumed_run_ends_as_the_one_never_interrupted(tiny_yaml: Path, folder: Path, freeze: str):
    settings = (EMA, f"trainer_cfg.freeze={freeze}")
    run(tiny_yaml, *settings)
    whole = final(folder)
    for step in (4, 6):
        checkpoint_path(folder, "tiny", step).unlink()
    run(tiny_yaml, *settings, resume=True)
    found = final(folder)
    assert equal(trained(found), trained(whole))
    assert equal([found["last_step"], found["ema"]], [whole["last_step"], whole["ema"]])
    frozen = torch.equal(found["model"]["conv.weight"], found["last_step"]["conv.weight"])
    assert frozen == (freeze != "[]")


def test_a_test_takes_the_averages_during_the_training_and_after(
    tiny_yaml: Path, folder: Path, scored_sets: list[EmbeddingSet]
):
    run(tiny_yaml, EMA, "trainer_cfg.with_test=true")
    config = load_config(str(tiny_yaml))
    score(config, CPU)
    during, after = scored_sets[-2:]
    assert (during.embeddings == after.embeddings).all()
    asked = f"{checkpoint_path(folder, 'tiny', 6)}#last_step"
    score(load_config(str(tiny_yaml), overrides=[f"evaluator_cfg.restore_hint={asked}"]), CPU)
    assert not (scored_sets[-1].embeddings == after.embeddings).all()


def test_held_out_people_choose_among_averages(
    tiny_yaml: Path, folder: Path, scored_sets: list[EmbeddingSet]
):
    settings = ("data_cfg.identities=8", "model_cfg.classes=6", "data_cfg.validation=['000', '004']")
    best = ("trainer_cfg.keep_best={metric: R1}", "trainer_cfg.with_test=true")
    run(tiny_yaml, EMA, *settings, *best)
    final_test = scored_sets[-1].embeddings
    overrides = [*settings[:2], "evaluator_cfg.restore_hint=best"]
    score(load_config(str(tiny_yaml), overrides=overrides), CPU)
    assert (scored_sets[-1].embeddings == final_test).all()


@pytest.mark.parametrize(("asked", "key"), [("", "model"), ("#last_step", "last_step")])
def test_another_training_starts_from_the_averages_unless_asked(
    tiny_yaml: Path, folder: Path, asked: str, key: str
):
    run(tiny_yaml, EMA)
    start = Path(f"{checkpoint_path(folder, 'tiny', 6)}{asked}")
    run(tiny_yaml, "trainer_cfg.save_name=next", "optimizer_cfg.lr=0.0", init_from=start)
    taken = load_checkpoint(checkpoint_path(folder.parent / "next", "next", 6))["model"]
    assert torch.equal(taken["conv.weight"], final(folder)[key]["conv.weight"])


def test_averages_may_begin_and_end_in_the_middle(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    whole = final(folder)
    for step in (4, 6):
        checkpoint_path(folder, "tiny", step).unlink()
    with pytest.raises(ConfigError, match=r"ema\.decay was not set and is 0\.8 now"):
        run(tiny_yaml, EMA, resume=True)
    run(tiny_yaml, EMA, "trainer_cfg.total_iter=4", resume=True, allow_changes=True)
    assert final(folder, 4)["ema"]["updates"] == 2
    run(tiny_yaml, resume=True, allow_changes=True)
    assert equal(final(folder)["model"], whole["model"])
    assert "ema" not in final(folder)


def damaged(state: dict[str, Any]) -> None:
    state["ema"] = {"exact": 3}


def another(state: dict[str, Any]) -> None:
    state["model"]["head.weight"] = torch.zeros(1)


@pytest.mark.parametrize("change", [damaged, another])
def test_damaged_averages_are_told_in_words(
    tiny_yaml: Path, folder: Path, change: Callable[[dict[str, Any]], None]
):
    run(tiny_yaml, EMA, "trainer_cfg.total_iter=2")
    path = checkpoint_path(folder, "tiny", 2)
    state: dict[str, Any] = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)
    with pytest.raises(CheckpointError, match="averages of the weights cannot be taken up"):
        run(tiny_yaml, EMA, resume=True)


def test_a_step_that_a_scaler_skips_is_no_update(
    tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def fabric(*_: Any, **__: Any) -> Fabric:
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40, growth_interval=100)
        made = Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu", scaler=scaler))
        made.launch()
        return made

    monkeypatch.setattr(training, "make_fabric", fabric)
    run(tiny_yaml, EMA, "trainer_cfg.total_iter=30", "trainer_cfg.save_iter=30")
    state = final(folder, 30)
    assert 0 < state["ema"]["updates"] == state["scheduler"]["last_epoch"] < 30
