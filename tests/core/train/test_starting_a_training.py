"""What a training starts from, and what it never harms on the way there."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.components.tiny import TinyModel
from torch import Tensor

from gait_plugins import CheckpointError, ConfigError, GaitBatch, Loss, ModelOutput, hookimpl
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.registry.components import Failure, Owner
from gait_plugins.registry.manager import Manager


class Spread(Loss):
    """Mean square of the embeddings."""

    gathers = True

    def forward(self, embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:  # type: ignore[override]
        loss = embeddings.square().mean()
        return loss, {"loss": loss.detach()}


class Counting(TinyModel):
    """Knows by extra state, not by a tensor, how many batches it has seen."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__(classes)
        self.seen = 0

    def forward(self, batch: GaitBatch) -> ModelOutput:
        self.seen += self.training
        return super().forward(batch)

    def get_extra_state(self) -> dict[str, int]:
        return {"seen": self.seen}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.seen = state["seen"]


class Extras:
    """The manifest."""

    @hookimpl
    def gait_losses(self) -> dict[str, type]:
        return {"Spread": Spread}

    @hookimpl
    def gait_models(self) -> dict[str, type]:
        return {"Counting": Counting}


@pytest.fixture(autouse=True)
def _extras(tiny: Manager) -> None:
    tiny.register(Extras(), distribution="extra-gait")


@pytest.fixture
def kept(tiny_yaml: Path, tmp_path: Path) -> Path:
    """The last checkpoint of a finished run."""
    run(tiny_yaml, "trainer_cfg.total_iter=2")
    return checkpoint_path(tmp_path / "output" / "Tiny" / "TinyModel" / "tiny", "tiny", 2)


def run(yaml_path: Path, *overrides: str, **options: Any) -> None:
    train(load_config(str(yaml_path), overrides=overrides), RunOptions(device="cpu", **options))


def test_overwriting_removes_nothing_while_the_new_training_cannot_start(
    tiny_yaml: Path, kept: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        run(tiny_yaml, overwrite=True, init_from=tmp_path / "nowhere.pt")
    with pytest.raises(ConfigError, match=r"optimizer_cfg\.lr=-1: this is -1"):
        run(tiny_yaml, "optimizer_cfg.lr=-1", overwrite=True)
    with pytest.raises(ConfigError, match="Adam of torch refuses its options: Invalid beta"):
        run(tiny_yaml, "optimizer_cfg.betas=[2, 0.9]", overwrite=True)
    assert load_checkpoint(kept)["iteration"] == 2


@pytest.mark.parametrize("by_hint", [True, False])
def test_overwriting_never_removes_what_the_training_starts_from(
    tiny_yaml: Path, kept: Path, by_hint: bool
) -> None:
    overrides = [f"trainer_cfg.restore_hint={kept}"] if by_hint else []
    with pytest.raises(ConfigError, match="remove the checkpoint that the training starts from"):
        run(tiny_yaml, *overrides, overwrite=True, init_from=None if by_hint else kept)
    assert kept.exists()


def test_a_training_with_other_losses_may_start_from_the_weights(
    tiny_yaml: Path, kept: Path, tmp_path: Path
) -> None:
    assert load_checkpoint(kept)["losses"]
    source = shutil.copy(kept, tmp_path / "source.pt")
    run(tiny_yaml, "loss_cfg.0.type=Spread", overwrite=True, init_from=Path(source))
    checkpoint_path(kept.parent.parent, "tiny", 6).write_bytes(Path(source).read_bytes())
    with pytest.raises(ConfigError, match=r"loss_cfg\.0\.type was Contrast and is Spread now"):
        run(tiny_yaml, "loss_cfg.0.type=Spread", resume=True)  # to go on is another matter


def test_state_that_is_no_tensor_is_resumed_too(tiny_yaml: Path, tmp_path: Path) -> None:
    run(tiny_yaml, "model_cfg.model=Counting", "trainer_cfg.total_iter=4")
    run(tiny_yaml, "model_cfg.model=Counting", resume=True)
    folder = tmp_path / "output" / "Tiny" / "Counting" / "tiny"
    assert load_checkpoint(checkpoint_path(folder, "tiny", 6))["model"]["_extra_state"] == {"seen": 6}


def test_weights_alone_cannot_be_resumed_from(tiny_yaml: Path, kept: Path) -> None:
    torch.save({"model": load_checkpoint(kept)["model"]}, kept)
    with pytest.raises(CheckpointError, match="after which iteration") as caught:
        run(tiny_yaml, resume=True)
    assert "--init-from" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "optimizer_cfg.solver=LBFGS",
            r"no class 'LBFGS' that training can use \(its step\(\) must need no argument\)",
        ),
        ("scheduler_cfg={scheduler: ReduceLROnPlateau}", "needs the option 'every'"),
        pytest.param(
            "optimizer_cfg.solver=Muon",
            "Muon of torch refuses its options: Muon only supports 2D",
            marks=pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch 2.9 brought Muon"),
        ),
    ],
)
def test_optimisers_and_schedules_that_cannot_work_are_refused(
    tiny_yaml: Path, tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(tiny_yaml, override)
    assert not (tmp_path / "output").exists()


def test_another_optimiser_cannot_go_on_from_this_one(tiny_yaml: Path, kept: Path) -> None:
    with pytest.raises(ConfigError, match=r"optimizer_cfg\.solver was Adam and is SGD now") as caught:
        run(tiny_yaml, "optimizer_cfg.solver=SGD", resume=True)
    assert "optimizer_reset=true" in (caught.value.hint or "")
    with pytest.raises(CheckpointError, match="it was Adam and is SGD now") as misfit:
        run(tiny_yaml, "optimizer_cfg.solver=SGD", resume=True, allow_changes=True)
    assert "optimizer_reset=true" in (misfit.value.hint or "")
    state = load_checkpoint(kept)
    del state["config"]  # a foreign checkpoint does not say what it was made with
    torch.save(state, kept)
    with pytest.raises(CheckpointError, match="of another kind: it lacks 'momentum'"):
        run(tiny_yaml, "optimizer_cfg.solver=SGD", resume=True)
    run(tiny_yaml, "optimizer_cfg.solver=SGD", "trainer_cfg.optimizer_reset=true", resume=True)


def test_a_file_of_another_optimiser_gives_weights_alone(
    tiny_yaml: Path, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = [f"trainer_cfg.restore_hint={kept}", "trainer_cfg.save_name=b"]
    with pytest.raises(CheckpointError, match="it was MultiStepLR and is ExponentialLR now"):
        run(tiny_yaml, *other, "scheduler_cfg.scheduler=ExponentialLR")
    run(tiny_yaml, *other, "optimizer_cfg.lr=0.5")
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert (
        "the settings of optimizer_cfg for lr have changed and count only with "
        "-o trainer_cfg.optimizer_reset=true"
    ) in warning


def test_what_was_asked_to_start_afresh_is_no_warning(
    tiny_yaml: Path, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    asked = [f"trainer_cfg.{part}_reset=true" for part in ("optimizer", "scheduler")]
    run(tiny_yaml, *asked, resume=True)
    assert "the optimizer starts anew, because trainer_cfg.optimizer_reset is set" in caplog.messages
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_to_go_on_and_to_overwrite_exclude_each_other(tiny_yaml: Path, kept: Path) -> None:
    with pytest.raises(ConfigError, match="--resume and --overwrite exclude each other"):
        run(tiny_yaml, resume=True, overwrite=True)
    assert kept.exists()


@pytest.mark.parametrize("name", ["..", "a/b", "", "../../elsewhere", "a\\\\b"])
@pytest.mark.parametrize("key", ["trainer_cfg.save_name", "data_cfg.dataset_name", "evaluator_cfg.save_name"])
def test_a_run_never_leaves_its_folder(tiny_yaml: Path, key: str, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}.*this must be the name of a folder"):
        load_config(str(tiny_yaml), overrides=[f'{key}="{name}"'])


def test_a_log_that_cannot_be_written_ends_no_training(
    tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written: list[str] = []

    def full(self: logging.FileHandler, record: logging.LogRecord) -> None:
        written.append(record.getMessage())
        try:
            raise OSError(28, "No space left on device")
        except OSError:
            self.handleError(record)

    monkeypatch.setattr("gait_plugins.core.runs.folder._RunLog.emit", full)
    caplog.set_level(logging.INFO, "gait_plugins")
    run(tiny_yaml, log_to_file=True)
    assert len(written) == 1
    assert "can no longer be written: [Errno 28] No space left" in caplog.text


@pytest.mark.parametrize("command", [train, score])
def test_plugins_that_could_not_be_loaded_are_named_at_the_start(
    tiny: Manager, tiny_yaml: Path, caplog: pytest.LogCaptureFixture, command: Callable[..., object]
) -> None:
    run(tiny_yaml)
    tiny.failures.append(Failure(Owner("broken-gait", "2.0", "broken", "broken_gait"), "No module named 'x'"))
    caplog.clear()
    config = load_config(str(tiny_yaml), ["trainer_cfg.save_name=other", "evaluator_cfg.save_name=tiny"])
    for _ in range(2):  # a recipe has several
        command(config, RunOptions(device="cpu", overwrite=True))
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert [said for said in warnings if "broken-gait" in said] == [
        "these plugins could not be loaded, and their components cannot be used:\n"
        "  broken-gait 2.0 (broken_gait): No module named 'x'\n  -> gait-plugins plugins check says more"
    ]
