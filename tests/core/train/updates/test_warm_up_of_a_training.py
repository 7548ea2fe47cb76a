"""Warm-up in a training: the rates of its steps, resuming, and going on with another one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.components.tiny_training import equal, final, run, trained

from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path
from gait_plugins.errors import CheckpointError, ConfigError

pytestmark = pytest.mark.usefixtures("tiny")

RISE = "scheduler_cfg.warmup={steps: 4, factor: 0.2}"
COSINE = "scheduler_cfg={scheduler: CosineAnnealingLR, T_max: 6, warmup: {steps: 4, factor: 0.2}}"
PLATEAU = "scheduler_cfg={scheduler: ReduceLROnPlateau, every: 2, patience: 0, warmup: {steps: 4}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


def rates(folder: Path) -> list[float]:
    """The rate after each step, which the next one is taken with."""
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [r["metrics"]["scalar/learning_rate"] for r in records if r["type"] == "step"]


def test_the_rate_rises_step_by_step_in_front_of_the_milestones(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, RISE)
    assert rates(folder) == pytest.approx([0.004, 0.006, 0.008, 0.005, 0.005, 0.005])


@pytest.mark.parametrize("settings", [RISE, COSINE, PLATEAU])
@pytest.mark.parametrize("step", [2, 4])
def test_a_resumed_run_ends_as_the_one_never_interrupted(
    tiny_yaml: Path, folder: Path, settings: str, step: int
):
    run(tiny_yaml, settings)
    whole = final(folder)
    for later in range(step + 2, 7, 2):
        checkpoint_path(folder, "tiny", later).unlink()
    run(tiny_yaml, settings, resume=True)
    assert equal(trained(final(folder)), trained(whole))


def test_more_steps_go_on_and_another_rise_needs_to_be_allowed(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, RISE, "trainer_cfg.total_iter=8")
    longer = final(folder, 8)
    run(tiny_yaml, RISE, overwrite=True)
    run(tiny_yaml, RISE, "trainer_cfg.total_iter=8", resume=True)
    assert equal(trained(final(folder, 8)), trained(longer))
    for step in (4, 6, 8):
        checkpoint_path(folder, "tiny", step).unlink()
    other = "scheduler_cfg.warmup={steps: 5, factor: 0.2}"
    with pytest.raises(ConfigError, match=r"scheduler_cfg\.warmup\.steps was 4 and is 5 now"):
        run(tiny_yaml, other, resume=True)
    run(tiny_yaml, other, resume=True, allow_changes=True)
    expected = [0.01 * (0.2 + 0.8 * 3 / 5), 0.005 * (0.2 + 0.8 * 4 / 5), 0.005, 0.005]
    assert rates(folder)[-4:] == pytest.approx(expected)


def test_a_default_that_is_written_is_no_change(tiny_yaml: Path):
    run(tiny_yaml, "scheduler_cfg.warmup={steps: 4}", "trainer_cfg.total_iter=2")
    run(tiny_yaml, "scheduler_cfg.warmup={steps: 4, factor: 0.0}", resume=True)


def test_schedules_with_and_without_a_rise_are_not_mixed(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    start = f"trainer_cfg.restore_hint='{checkpoint_path(folder, 'tiny', 6)}'"
    with pytest.raises(CheckpointError, match="has a warm-up, not both"):
        run(tiny_yaml, RISE, start, "trainer_cfg.save_name=other")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{steps: 0}", "steps"),
        ("{steps: 3, factor: 1.5}", "factor"),
        ("{factor: 0.5}", "'steps'"),
        ("7", "map"),
    ],
)
def test_a_wrong_rise_is_told(tiny_yaml: Path, written: str, message: str):
    with pytest.raises(ConfigError, match=message):
        load_config(str(tiny_yaml), overrides=[f"scheduler_cfg.warmup={written}"])
