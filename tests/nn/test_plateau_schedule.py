"""The plateau schedule watches the mean loss of each epoch, and resumes in the middle of one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.components.tiny_training import equal, final, run, trained
from torch import nn

from gait_plugins import ConfigError
from gait_plugins.nn.schedules import ReduceLROnPlateau

PLATEAU = "scheduler_cfg={scheduler: ReduceLROnPlateau, every: 2, patience: 0, factor: 0.5, threshold: 0.9}"


def watched(every: int = 2, **options: float) -> ReduceLROnPlateau:
    return ReduceLROnPlateau(torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0), every, **options)


def rates(schedule: ReduceLROnPlateau, losses: list[float]) -> list[float]:
    found = []
    for loss in losses:
        schedule.observe(torch.tensor(loss))
        schedule.step()
        found.append(float(schedule.get_last_lr()[0]))
    return found


def test_it_falls_where_the_mean_of_an_epoch_stops_falling() -> None:
    found = rates(watched(patience=0, factor=0.5), [4, 2, 1, 3, 2, 2, 9, 9])
    # Means 3, 2, 2, 9: the third is no lower than the second, nor is the fourth.
    assert found == [1, 1, 1, 1, 1, 0.5, 0.5, 0.25]


def test_it_equals_torchs_schedule_of_epoch_means() -> None:
    losses = torch.rand(60, generator=torch.Generator().manual_seed(0)).tolist()
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    plain = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, factor=0.7)
    for start in range(0, 60, 3):
        plain.step(sum(losses[start : start + 3]) / 3)
    assert rates(watched(3, patience=1, factor=0.7), losses)[-1] == optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("cut", range(1, 8))
def test_it_goes_on_from_the_middle_of_an_epoch(cut: int) -> None:
    losses = [4, 2.25, 1, 3.5, 2, 2, 9, 9.125, 3]
    whole = rates(watched(patience=0), losses)
    first = watched(patience=0)
    before = rates(first, losses[:cut])
    second = watched(patience=0)
    second.optimizer.param_groups[0]["lr"] = before[-1]
    second.load_state_dict(first.state_dict())
    assert before + rates(second, losses[cut:]) == whole


@pytest.mark.usefixtures("tiny")
def test_a_training_by_it_resumes_exactly(tiny_yaml: Path, tmp_path: Path) -> None:
    folder = tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"
    overrides = (PLATEAU, "trainer_cfg.save_iter=3")
    run(tiny_yaml, *overrides)
    whole = trained(final(folder))
    assert whole["scheduler"]["last_epoch"] == 6
    assert whole["optimizer"]["param_groups"][0]["lr"] < 0.1
    (folder / "checkpoints" / "tiny-00006.pt").unlink()
    run(tiny_yaml, *overrides, resume=True)
    assert equal(trained(final(folder)), whole)


def test_an_epoch_of_no_iterations_is_refused() -> None:
    with pytest.raises(ConfigError, match="every is 0, expected the number of iterations of an epoch"):
        watched(0)
