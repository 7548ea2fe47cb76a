"""OneCycleLR: the recorded learning rates and momenta, its length, and a training that goes on in it."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.components.tiny_training import equal, final, run, trained
from helpers.golden_rules import golden

from gait_plugins import ConfigError
from gait_plugins.config import load_config
from gait_plugins.core.assembly.components import build_losses, build_model
from gait_plugins.core.train.objective import Objective
from gait_plugins.core.train.optim import build_optimizer, build_scheduler

pytestmark = pytest.mark.usefixtures("tiny")

ADAM, ADAMW, SGD = (
    f"{{solver: {name}, lr: {lr}}}"
    for name, lr in (("Adam", 0.01), ("AdamW", 0.005), ("SGD, momentum: 0.9", 0.1))
)
GAITTR = "three_phase: true, div_factor: 100, final_div_factor: 1000.0, pct_start: 0.475"
TINY = {
    "tiny_default": ("max_lr: 0.01", ADAM),
    "tiny_three_phase": ("max_lr: 0.005, three_phase: true", ADAM),
    "tiny_gaittr": (f"max_lr: 0.001, {GAITTR}", ADAM),
    "tiny_sgd": ("max_lr: 0.1", SGD),
}
WHOLE = {
    "gaitgraph1_CASIA-B": ADAM,
    "gaitgraph2_CASIA-B": ADAMW,
    "gaitgraph2_CCPG": ADAM,
    "gaittr_Gait3D": ADAM,
}
SHORT = "{scheduler: OneCycleLR, max_lr: 0.05, total_steps: 6, three_phase: true}"


def settings(case: str) -> tuple[str, str]:
    """Schedule and solver of a recorded case, as configurations write them."""
    if case in TINY:
        options, solver = TINY[case]
        return f"{{scheduler: OneCycleLR, total_steps: 50, {options}}}", solver
    return str(golden("pose/schedules")[f"{case}_scheduler_cfg"]), WHOLE[case]


def momentum(optimizer: torch.optim.Optimizer) -> float:
    group = optimizer.param_groups[0]
    return float(group["betas"][0] if "betas" in group else group["momentum"])


@pytest.mark.parametrize("case", [*TINY, *WHOLE])
def test_every_iteration_sees_the_recorded_rate_and_momentum(tiny_yaml: Path, case: str) -> None:
    schedule, solver = settings(case)
    config = load_config(str(tiny_yaml), overrides=[f"scheduler_cfg={schedule}", f"optimizer_cfg={solver}"])
    total = config.scheduler_cfg.options["total_steps"]
    model = build_model(config)
    optimizer = build_optimizer(config, Objective(model, build_losses(config)))
    scheduler = build_scheduler(config, optimizer, model)
    seen = []
    for _ in range(total):
        seen.append((optimizer.param_groups[0]["lr"], momentum(optimizer)))
        optimizer.step()
        scheduler.step()
    recorded = golden("pose/schedules")
    at = recorded[f"{case}_iteration"]
    rates, momenta = np.array(seen)[at].T
    np.testing.assert_allclose(rates, recorded[f"{case}_lr"], rtol=1e-12)
    np.testing.assert_allclose(momenta, recorded[f"{case}_beta1_or_momentum"], rtol=1e-12)
    # The step after the last is taken and never used; of its momentum the recording holds that before it.
    after = optimizer.param_groups[0]["lr"]
    np.testing.assert_allclose(after, recorded[f"{case}_after_last_step"][0], rtol=1e-12)


@pytest.mark.parametrize("solver", [ADAM, SGD], ids=["beta1", "momentum"])
@pytest.mark.parametrize("stop", [1, 2, 5])
def test_a_training_goes_on_at_its_place_in_the_cycle(
    tiny_yaml: Path, tmp_path: Path, solver: str, stop: int
) -> None:
    cycle = (f"scheduler_cfg={SHORT}", f"optimizer_cfg={solver}")
    run(tiny_yaml, *cycle, f"output_dir={tmp_path / 'whole'}")
    run(tiny_yaml, *cycle, f"output_dir={tmp_path / 'cut'}", f"trainer_cfg.total_iter={stop}")
    half = final(tmp_path / "cut" / "Tiny" / "TinyModel" / "tiny", stop)
    run(tiny_yaml, *cycle, f"output_dir={tmp_path / 'cut'}", resume=True)
    whole, resumed = (final(tmp_path / name / "Tiny" / "TinyModel" / "tiny") for name in ("whole", "cut"))
    assert equal(trained(whole), trained(resumed))
    # They are compared in the cycle, not at a place where everything is as at the beginning.
    assert half["scheduler"]["last_epoch"] == stop
    assert half["optimizer"]["param_groups"][0]["lr"] != whole["optimizer"]["param_groups"][0]["lr"]


def test_one_step_more_than_the_cycle_has_is_an_error_before_training(
    tiny_yaml: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"OneCycleLR fails at step 7 of 7 \(trainer_cfg.total_iter\)"):
        run(tiny_yaml, f"scheduler_cfg={SHORT}", f"optimizer_cfg={ADAM}", "trainer_cfg.total_iter=7")
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("solver", "level", "told"),
    [
        (
            "{solver: Adam, lr: 0.05}",
            "INFO",
            "OneCycleLR begins with lr 0.002 and rises to max_lr 0.05: optimizer_cfg's 0.05 has no effect",
        ),
        (
            "{solver: Adam, lr: 0.3}",
            "WARNING",
            "OneCycleLR begins with lr 0.002 and rises to max_lr 0.05: optimizer_cfg's 0.3 has no effect",
        ),
        (
            "{solver: SGD, lr: 0.05, momentum: 0.8}",
            "INFO",
            "OneCycleLR begins with momentum 0.95: optimizer_cfg's 0.8 has no effect",
        ),
    ],
)
def test_what_the_cycle_overwrites_is_told_once(
    tiny_yaml: Path, caplog: pytest.LogCaptureFixture, solver: str, level: str, told: str
) -> None:
    with caplog.at_level(logging.INFO, "gait_plugins"):
        run(tiny_yaml, f"scheduler_cfg={SHORT}", f"optimizer_cfg={solver}")
    assert [record.levelname for record in caplog.records if record.getMessage() == told] == [level]
