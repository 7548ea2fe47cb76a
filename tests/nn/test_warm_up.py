"""Warm-up: the rise of the learning rate in front of any schedule, step by step, and its state."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from gait_plugins.nn.schedules import LossWarmUp, ReduceLROnPlateau, with_warm_up

SCHEDULES: dict[str, dict[str, Any]] = {
    "MultiStepLR": {"milestones": [3, 8], "gamma": 0.1},
    "StepLR": {"step_size": 3, "gamma": 0.5},
    "ExponentialLR": {"gamma": 0.9},
    "CosineAnnealingLR": {"T_max": 12},
    "OneCycleLR": {"max_lr": 0.2, "total_steps": 12},
    "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4},
    "CosineAnnealingWarmRestarts": {"T_0": 4},
    "PolynomialLR": {"total_iters": 12},
}
STEPS, RISE, FACTOR = 12, 6, 0.25


def made(name: str, rate: float | torch.Tensor = 0.1) -> tuple[torch.optim.Optimizer, LRScheduler]:
    groups = [
        {"params": [nn.Parameter(torch.zeros(1))], "lr": rate},
        {"params": [nn.Parameter(torch.ones(1))]},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9)
    return optimizer, getattr(torch.optim.lr_scheduler, name)(optimizer, **SCHEDULES[name])


def rates(optimizer: torch.optim.Optimizer, schedule: LRScheduler, steps: int) -> list[list[float]]:
    """The rates that each step is taken with."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(steps):
            found.append([float(group["lr"]) for group in optimizer.param_groups])
            if isinstance(schedule, LossWarmUp | ReduceLROnPlateau):
                schedule.observe(torch.ones(()))
            optimizer.step()
            schedule.step()
    return found


@pytest.mark.parametrize("name", SCHEDULES)
def test_any_schedule_is_scaled_and_then_itself_to_the_last_bit(name: str):
    plain = rates(*made(name), STEPS)
    optimizer, schedule = made(name)
    risen = rates(optimizer, with_warm_up(schedule, RISE, FACTOR), STEPS)
    for step in range(STEPS):
        share = FACTOR + (1 - FACTOR) * step / RISE if step < RISE else 1
        assert risen[step] == pytest.approx([rate * share for rate in plain[step]], rel=1e-12)
    assert risen[RISE:] == plain[RISE:]
    assert risen[0] != plain[0]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("after", [0, 3, RISE, 9])
def test_a_schedule_that_is_taken_up_goes_on_as_if_never_interrupted(name: str, after: int):
    optimizer, schedule = made(name)
    whole = with_warm_up(schedule, RISE, FACTOR)
    rates(optimizer, whole, after)
    saved = optimizer.state_dict(), whole.state_dict()
    expected = rates(optimizer, whole, STEPS - after)
    optimizer, schedule = made(name)
    again = with_warm_up(schedule, RISE, FACTOR)
    optimizer.load_state_dict(saved[0])
    again.load_state_dict(saved[1])
    assert rates(optimizer, again, STEPS - after) == expected


def test_a_schedule_of_the_loss_is_shown_it():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    inner = ReduceLROnPlateau(optimizer, every=1, patience=1)
    found = rates(optimizer, with_warm_up(inner, 2, 0.5), 6)
    assert [rate for (rate,) in found] == pytest.approx([0.05, 0.075, 0.1, 0.01, 0.01, 0.001])


def test_a_rate_in_a_tensor_stays_one():
    optimizer, schedule = made("StepLR", torch.tensor(0.1))
    found = rates(optimizer, with_warm_up(schedule, 2, 0.5), 4)
    assert [first for first, _ in found] == pytest.approx([0.05, 0.075, 0.1, 0.05])
    assert isinstance(optimizer.param_groups[0]["lr"], torch.Tensor)


def test_the_state_of_a_schedule_without_a_rise_is_refused():
    _, schedule = made("StepLR")
    state = schedule.state_dict()
    with pytest.raises(ValueError, match="saved without a warm-up"):
        with_warm_up(schedule, 2, 0.5).load_state_dict(state)
