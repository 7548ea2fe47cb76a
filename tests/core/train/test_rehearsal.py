"""Solvers and schedules that cannot take every step of a training are refused before the first."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.components.tiny import TinyModel
from helpers.components.tiny_recipe import Beside, write_recipe
from helpers.components.tiny_training import equal, final, run, trained
from torch.optim.lr_scheduler import MultiStepLR
from typer.testing import CliRunner

from gait_plugins import ConfigError, GaitBatch, ModelOutput, hookimpl
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.core.assembly.components import build_losses, build_model
from gait_plugins.core.checkpoints.files import saved_iterations
from gait_plugins.core.train.objective import Objective
from gait_plugins.core.train.optim import build_optimizer
from gait_plugins.core.train.rehearsal import rehearse
from gait_plugins.errors import ComponentFailure
from gait_plugins.registry.manager import Manager

pytestmark = pytest.mark.usefixtures("tiny")

ADAM = "{solver: Adam, lr: 0.01}"
CONSTANT = "{scheduler: ConstantLR}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The run folder."""
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


def rehearsed(yaml_path: Path, schedule: str, solver: str = ADAM, steps: int = 180_000) -> float:
    """Seconds that it takes."""
    config = load_config(
        str(yaml_path),
        overrides=[
            f"scheduler_cfg={schedule}",
            f"optimizer_cfg={solver}",
            f"trainer_cfg.total_iter={steps}",
        ],
    )
    model = build_model(config)
    optimizer = build_optimizer(config, Objective(model, build_losses(config)))
    begun = time.perf_counter()
    rehearse(config, optimizer, model, torch.device("cpu"))
    return time.perf_counter() - begun


@pytest.mark.parametrize("steps", [6, 900, 180_000])
@pytest.mark.parametrize(
    "length",
    [
        lambda n: f"total_steps: {n}",
        lambda n: f"epochs: {n}, steps_per_epoch: 1",
    ],
)
def test_a_schedule_of_a_length_must_be_as_long_as_the_training(
    tiny_yaml: Path, steps: int, length: Callable[[int], str]
) -> None:
    schedule = "{{scheduler: OneCycleLR, max_lr: 0.2, {}}}"
    rehearsed(tiny_yaml, schedule.format(length(steps)), steps=steps)
    with pytest.raises(ConfigError, match=r"OneCycleLR fails at step \d+ of \d+ \(trainer_cfg") as caught:
        rehearsed(tiny_yaml, schedule.format(length(steps - 1)), steps=steps)
    assert f"-o scheduler_cfg.total_steps={steps}" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("{scheduler: StepLR, step_size: 0}", "StepLR fails at step 1 of 180000"),
        ("{scheduler: StepLR, step_size: -3}", "step_size: this is -3, expected a number of 0 or more"),
        ("{scheduler: CosineAnnealingLR, T_max: 0}", "CosineAnnealingLR fails at step 1 of"),
        ("{scheduler: CosineAnnealingLR, T_max: 10, eta_min: -1}", "eta_min: this is -1"),
        ("{scheduler: ConstantLR, factor: 0, total_iters: 5000}", "ConstantLR fails at step 5000 of 180000"),
        ("{scheduler: CyclicLR, base_lr: 0.1, max_lr: 1, step_size_up: 0}", "CyclicLR of torch refuses"),
        (
            "{scheduler: CyclicLR, base_lr: 0.1, max_lr: 1, mode: exp_range, gamma: 1.5}",
            "CyclicLR fails at step",
        ),
        (
            "{scheduler: MultiStepLR, milestones: [4], gamma: .nan}",
            "gamma: this is nan, expected a finite",
        ),
        (
            "{scheduler: MultiStepLR, milestones: [4], gamma: .inf}",
            "gamma: this is inf, expected a finite",
        ),
        (
            "{scheduler: MultiStepLR, milestones: [4], gamma: -0.1}",
            "gamma: this is -0.1, expected",
        ),
        ("{scheduler: MultiStepLR, milestones: [4, -9]}", r"milestones: this is \[4, -9\]"),
        ("{scheduler: ExponentialLR, gamma: 1.5}", "the learning rate would be inf after step 180000"),
        ("{scheduler: PolynomialLR, power: -1}", "power: this is -1"),
        ("{scheduler: ReduceLROnPlateau, every: 10, factor: -0.5}", "factor: this is -0.5"),
        ("{scheduler: OneCycleLR, max_lr: 1, total_steps: 180000, div_factor: 0}", "OneCycleLR of torch ref"),
        ("{scheduler: OneCycleLR, max_lr: 1, total_steps: 180000, div_factor: -2}", "div_factor: this is -2"),
        ("{scheduler: OneCycleLR, max_lr: .inf, total_steps: 180000}", "max_lr: this is inf"),
        ("{scheduler: ConstantLR, last_epoch: 5}", "ConstantLR of torch refuses its options: KeyError"),
    ],
)
def test_schedules_that_torch_takes_and_fails_by(tiny_yaml: Path, schedule: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        rehearsed(tiny_yaml, schedule)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("solver", "words"),
    [
        ("{solver: SparseAdam}", "SparseAdam of torch cannot train this model: SparseAdam does not support"),
        ("{solver: Adam, capturable: true}", "Adam of torch cannot train this model: If capturable=True"),
        ("{solver: Adam, differentiable: true}", "Adam of torch cannot train this model: a leaf"),
        ("{solver: Adam, fused: true, foreach: true}", "Adam of torch refuses its options: RuntimeError"),
        ("{solver: Adam, lr: .inf}", "optimizer_cfg.lr: this is inf"),
        ("{solver: SGD, lr: 0.1, weight_decay: .inf}", "optimizer_cfg.weight_decay: this is inf"),
        ("{solver: SGD, lr: 0.1, dampening: -1}", "optimizer_cfg.dampening: this is -1"),
        ("{solver: Rprop, step_sizes: [0.1, .inf]}", r"step_sizes: this is \[0.1, inf\]"),
    ],
)
def test_solvers_that_torch_takes_and_fails_by(tiny_yaml: Path, solver: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        rehearsed(tiny_yaml, CONSTANT, solver)


@pytest.mark.parametrize(
    "schedule",
    [
        CONSTANT,
        "{scheduler: MultiStepLR, milestones: [50000, 100000]}",
        "{scheduler: StepLR, step_size: 1000}",
        "{scheduler: LinearLR, total_iters: 0}",
        "{scheduler: PolynomialLR, total_iters: 180000, power: 0.9}",
        "{scheduler: ExponentialLR, gamma: 0.9999}",
        "{scheduler: CosineAnnealingLR, T_max: 180000}",
        "{scheduler: CosineAnnealingLR, T_max: 1000}",
        "{scheduler: CosineAnnealingWarmRestarts, T_0: 1000}",
        "{scheduler: CyclicLR, base_lr: 0.01, max_lr: 0.1}",
        "{scheduler: OneCycleLR, max_lr: 0.1, total_steps: 180000}",
        "{scheduler: ReduceLROnPlateau, every: 1000}",
    ],
)
def test_good_schedules_pass_in_no_time(tiny_yaml: Path, schedule: str) -> None:
    assert min(rehearsed(tiny_yaml, schedule) for _ in range(2)) < 0.2


@pytest.mark.parametrize(
    "solver", ["ASGD", "Adadelta", "Adafactor", "Adagrad", "AdamW", "NAdam", "Rprop", "SGD"]
)
def test_good_solvers_pass(tiny_yaml: Path, solver: str) -> None:
    rehearsed(tiny_yaml, CONSTANT, f"{{solver: {solver}}}")


def test_nothing_is_written_and_the_line_is_named(tiny_yaml: Path, tmp_path: Path) -> None:
    tiny_yaml.write_text(tiny_yaml.read_text().replace("solver: Adam", "solver: SparseAdam"))
    with pytest.raises(ConfigError) as caught:
        run(tiny_yaml)
    assert (caught.value.where or "").endswith("tiny.yaml:8")
    assert not (tmp_path / "output").exists()


# --- a length is part of a run --------------------------------------------------------------------


def test_a_run_of_a_length_goes_on_longer_only_where_that_is_allowed(tiny_yaml: Path, folder: Path) -> None:
    four, six = (f"scheduler_cfg={{scheduler: OneCycleLR, max_lr: 0.2, total_steps: {n}}}" for n in (4, 6))
    run(tiny_yaml, four, "trainer_cfg.total_iter=4")
    with pytest.raises(ConfigError, match="OneCycleLR fails at step 5 of 6"):
        run(tiny_yaml, four, resume=True)
    with pytest.raises(ConfigError, match=r"scheduler_cfg.total_steps was 4 and is 6 now"):
        run(tiny_yaml, six, resume=True)
    run(tiny_yaml, six, resume=True, allow_changes=True)
    rates = final(folder)["optimizer"]["param_groups"][0]["lr"]
    assert final(folder)["optimizer"]["state"][0]["step"] == 6
    run(tiny_yaml, six, overwrite=True)
    assert final(folder)["optimizer"]["param_groups"][0]["lr"] == rates


@pytest.mark.parametrize(
    "schedule", ["CosineAnnealingLR, T_max: ", "PolynomialLR, total_iters: ", "StepLR, step_size: "]
)
def test_allowed_lengths_give_the_rates_of_a_run_that_began_with_them(
    tiny_yaml: Path, folder: Path, schedule: str
) -> None:
    four, six = (f"scheduler_cfg={{scheduler: {schedule}{n}}}" for n in (4, 6))
    run(tiny_yaml, four, "trainer_cfg.total_iter=4")
    run(tiny_yaml, six, "trainer_cfg.total_iter=5", resume=True, allow_changes=True)
    rates = final(folder, 5)["optimizer"]["param_groups"][0]["lr"]
    run(tiny_yaml, six, "trainer_cfg.total_iter=5", overwrite=True)
    assert final(folder, 5)["optimizer"]["param_groups"][0]["lr"] == pytest.approx(rates, rel=1e-12)


def test_a_schedule_that_follows_the_losses_cannot_take_other_settings(tiny_yaml: Path) -> None:
    schedule = "scheduler_cfg={{scheduler: ReduceLROnPlateau, every: 2, factor: {}}}"
    run(tiny_yaml, schedule.format(0.5), "trainer_cfg.total_iter=4")
    with pytest.raises(ConfigError, match="ReduceLROnPlateau follows the losses of the run"):
        run(tiny_yaml, schedule.format(0.1), resume=True, allow_changes=True)
    run(tiny_yaml, schedule.format(0.1), "trainer_cfg.scheduler_reset=true", resume=True)


# --- what fails all the same ----------------------------------------------------------------------


class Counting(TinyModel):
    """Knows beside its tensors how many batches it has seen."""

    seen = 0

    def forward(self, batch: GaitBatch) -> ModelOutput:
        self.seen += self.training
        return super().forward(batch)

    def get_extra_state(self) -> dict[str, int]:
        return {"seen": self.seen}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.seen = state["seen"]


class Counts:
    """The manifest."""

    @hookimpl
    def gait_models(self) -> dict[str, type]:
        return {"Counting": Counting}


@pytest.fixture
def counting(tiny: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run folder of the counting model, where nothing is tried beforehand."""
    tiny.register(Counts(), distribution="counting-gait")
    monkeypatch.setattr("gait_plugins.core.train.state.rehearse", lambda *_: None)
    return tmp_path / "output" / "Tiny" / "Counting" / "tiny"


COUNTING = "model_cfg.model=Counting"


def test_a_schedule_that_fails_leaves_its_step_completed_and_resumable(
    tiny_yaml: Path, counting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny_yaml, COUNTING)
    whole = final(counting)
    rates = MultiStepLR.get_lr

    def failing(self: MultiStepLR) -> list[float | torch.Tensor]:
        if self.last_epoch == 3:
            raise RuntimeError("no rate")
        return rates(self)

    monkeypatch.setattr(MultiStepLR, "get_lr", failing)
    with pytest.raises(
        ComponentFailure, match="MultiStepLR failed at step 3: RuntimeError: no rate"
    ) as caught:
        run(tiny_yaml, COUNTING, overwrite=True)
    assert "tiny-00003.pt; mend the cause and go on with --resume" in (caught.value.hint or "")
    monkeypatch.setattr(MultiStepLR, "get_lr", rates)
    run(tiny_yaml, COUNTING, resume=True)
    assert equal(trained(final(counting)), trained(whole))


@pytest.mark.parametrize("wrote", [False, True])
def test_a_solver_that_fails_leaves_the_step_before_saved(
    tiny_yaml: Path, counting: Path, monkeypatch: pytest.MonkeyPatch, wrote: bool
) -> None:
    run(tiny_yaml, COUNTING)
    whole = final(counting)
    step = torch.optim.Adam.step

    def failing(self: torch.optim.Adam, closure: None = None) -> None:
        state = self.state.get(self.param_groups[0]["params"][0], {})
        if state.get("step") == 3:
            if wrote:
                with torch.no_grad():
                    self.param_groups[0]["params"][0].add_(1)
            raise RuntimeError("out of memory")
        step(self)

    monkeypatch.setattr(torch.optim.Adam, "step", failing)
    with pytest.raises(
        ComponentFailure, match="Adam failed at step 4: RuntimeError: out of memory"
    ) as caught:
        run(tiny_yaml, COUNTING, overwrite=True)
    assert saved_iterations(counting, "tiny") == ([2] if wrote else [2, 3])
    assert ("earlier checkpoints are untouched" in (caught.value.hint or "")) == wrote
    monkeypatch.setattr(torch.optim.Adam, "step", step)
    run(tiny_yaml, COUNTING, resume=True)
    assert equal(trained(final(counting)), trained(whole))


def test_a_first_step_that_fails_leaves_nothing(
    tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gait_plugins.core.train.state.rehearse", lambda *_: None)
    with pytest.raises(ComponentFailure, match="SparseAdam failed at step 1") as caught:
        run(tiny_yaml, "optimizer_cfg.solver=SparseAdam")
    assert "no step of this start could be saved" in (caught.value.hint or "")
    assert not list(folder.glob("checkpoints/*.pt"))


# --- without data ----------------------------------------------------------------------------------


def checked(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["config", "check", *words])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    "settings",
    [
        ("scheduler_cfg={scheduler: OneCycleLR, max_lr: 0.2, total_steps: 4}",),
        ("scheduler_cfg={scheduler: ExponentialLR, gamma: 1.5}", "trainer_cfg.total_iter=180000"),
        ("optimizer_cfg={solver: SparseAdam}",),
        ("optimizer_cfg={solver: SGD, lr: .inf}",),
        ("trainer_cfg.freeze=[head, nothing]",),
    ],
)
def test_config_check_says_what_a_training_would(
    tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        run(tiny_yaml, *settings)
    monkeypatch.setattr("helpers.components.tiny.TinyWalks.sequences", None)
    words = [word for setting in settings for word in ("-o", setting)]
    for more in ([], ["--resolved"]):
        code, said = checked(str(tiny_yaml), *words, *more)
        assert code == 2
        assert f"ConfigError: {caught.value}" in said
    assert checked(str(tiny_yaml))[0] == 0


def test_config_check_tries_every_stage_of_a_recipe(tiny: Manager, tmp_path: Path) -> None:
    class Second:
        @hookimpl
        def gait_models(self) -> dict[str, type]:
            return {"Beside": Beside}

    path = write_recipe(tmp_path)
    tiny.register(Second(), distribution="beside-gait")
    assert checked(str(path))[0] == 0
    code, said = checked(
        str(path), "-o", "beside.scheduler_cfg={scheduler: OneCycleLR, max_lr: 0.2, total_steps: 4}"
    )
    assert code == 2
    assert "OneCycleLR fails at step 5 of 6" in said
    assert "-o beside.scheduler_cfg.total_steps=6" in said


def test_config_check_takes_a_model_without_weights() -> None:
    assert checked("walkers/gei", "-o", "optimizer_cfg={solver: SparseAdam}")[0] == 0
