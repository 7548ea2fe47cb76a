"""Rehearsal: whether optimiser and schedule can take every step of a training, tried before the first."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from gait_plugins.api import GaitModel, LossSchedule
from gait_plugins.config import Config
from gait_plugins.config.options import torch_options
from gait_plugins.core.assembly.components import STAND_IN, build_losses, model_outline
from gait_plugins.core.checkpoints.identify import quiet
from gait_plugins.core.checkpoints.partial import freeze
from gait_plugins.core.train.objective import Objective
from gait_plugins.core.train.optim import build_optimizer, build_scheduler
from gait_plugins.core.train.recompute import named_parts
from gait_plugins.errors import ConfigError, GaitPluginsError

WHOLE = 1000
"""Steps up to which a schedule is tried step by step, in some hundredths of a second."""

BEGINNING = 100
"""Steps that are tried of a longer one, before its end."""


def rehearse(
    config: Config, optimizer: torch.optim.Optimizer, model: GaitModel, device: torch.device
) -> None:
    """Try solver and schedule on one number in place of the weights.

    The solver takes one step. The schedule takes all steps of a short training. Of a long one it takes the
    first, the last, and those that its options name: schedules that have a length fail at the end.

    Args:
        config: the configuration.
        optimizer: what its parameter groups are like; it is not touched.
        model: whose schedule it is.
        device: where the step is tried.

    Raises:
        ConfigError: an option is not finite, or negative; the solver cannot step; the schedule ends before
            the training does; a learning rate is negative or not finite.
    """
    _check_numbers(config)
    stand_in = _stand_in(config, optimizer, device)
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule = build_scheduler(config, stand_in, model)
        _try_solver(config, stand_in)
        _try_schedule(config, stand_in, schedule)


def rehearse_without_data(config: Config) -> None:
    """Like :func:`rehearse`, with what can be made without data, on the CPU.

    A model without weights has nothing to try.

    Raises:
        GaitPluginsError: model, losses, solver or schedule cannot be made, or do not fit the training.
    """
    with quiet():
        model, losses = model_outline(config), build_losses(config.counted(lambda name: STAND_IN))
        freeze(model, config.trainer_cfg.freeze)
        named_parts(model, config.trainer_cfg.recompute)
    if any(parameter.requires_grad for parameter in model.parameters()):
        rehearse(config, build_optimizer(config, Objective(model, losses)), model, torch.device("cpu"))


def _check_numbers(config: Config) -> None:
    """What torch takes without a word, and trains to NaN by; a file is refused before, Python may do it."""
    solver, schedule = config.optimizer_cfg, config.scheduler_cfg
    for name, key, section in (("optimizer_cfg", "solver", solver), ("scheduler_cfg", "scheduler", schedule)):
        for option, message in torch_options.odd_numbers(key, getattr(section, key), section.options):
            raise ConfigError(
                f"{name}.{option} is {message}",
                where=section.where or name,
                hint=f"gait-plugins config explain {name}",
            )


def _stand_in(
    config: Config, optimizer: torch.optim.Optimizer, device: torch.device
) -> torch.optim.Optimizer:
    """The solver over one number in each parameter group."""
    groups = []
    for group in optimizer.param_groups:
        settings = {key: value for key, value in group.items() if key != "params"}
        groups.append({**settings, "params": [nn.Parameter(torch.zeros(1, 1, device=device))]})
    solver: torch.optim.Optimizer = type(optimizer)(groups, **config.optimizer_cfg.options)
    return solver


def _try_solver(config: Config, stand_in: torch.optim.Optimizer) -> None:
    for group in stand_in.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    section = config.optimizer_cfg
    try:
        stand_in.step()
    except Exception as error:  # whatever a solver says to a gradient as every network has it
        raise ConfigError(
            f"{section.solver} of torch cannot train this model: {error or type(error).__name__}",
            where=section.where or "optimizer_cfg",
            hint="choose another optimizer_cfg.solver or other options: gait-plugins config explain "
            f"{section.solver}",
        ) from error


def _try_schedule(config: Config, stand_in: torch.optim.Optimizer, schedule: LRScheduler) -> None:
    total = config.trainer_cfg.total_iter
    _check_rates(config, stand_in, 0)
    for step in range(1, (total if total <= WHOLE else BEGINNING) + 1):
        _step(config, schedule, step)
        _check_rates(config, stand_in, step)
    if total > WHOLE:
        for step in _turning_points(config):
            _jump(config, stand_in, schedule, step)


def _turning_points(config: Config) -> list[int]:
    """Steps at which something happens: those that the options name, those after them, and the last one."""
    total = config.trainer_cfg.total_iter
    named = {int(n) for value in config.scheduler_cfg.options.values() for n in torch_options.numbers(value)}
    around = {step for n in named for step in (n, n + 1)}
    return sorted({step for step in around if BEGINNING < step < total} | {total})


def _jump(config: Config, stand_in: torch.optim.Optimizer, schedule: LRScheduler, step: int) -> None:
    counting = list(_counting(schedule))
    for part in counting:
        part.last_epoch = step - 1
    _step(config, schedule, step)
    if all(hasattr(part, "_get_closed_form_lr") for part in counting):
        _check_closed_forms(config, counting, step)
    else:  # it does not go on from the rate before
        _check_rates(config, stand_in, step)


def _step(config: Config, schedule: LRScheduler, step: int) -> None:
    total, section = config.trainer_cfg.total_iter, config.scheduler_cfg
    try:
        if isinstance(schedule, LossSchedule):
            schedule.observe(torch.ones(()))
        schedule.step()
    except GaitPluginsError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{type(schedule).__name__} fails at step {step} of {total} (trainer_cfg.total_iter): "
            f"{error or type(error).__name__}",
            where=section.where or "scheduler_cfg",
            hint=_longer(section.options, total) or "gait-plugins config explain scheduler_cfg",
        ) from error


def _longer(options: Mapping[str, Any], total: int) -> str | None:
    """How to make a schedule with a length as long as the training."""
    if not {"total_steps", "steps_per_epoch"} & options.keys():
        return None
    written = "total_steps" if options.get("total_steps") is not None else "epochs times steps_per_epoch"
    return (
        f"{written} must be as large as the number of training steps: -o scheduler_cfg.total_steps={total}. "
        "The length is part of a run: to go on with another one needs --allow-changes"
    )


def _counting(schedule: LRScheduler) -> Iterator[LRScheduler]:
    """The schedules that count steps: this one, or those that it wraps."""
    own = vars(schedule)
    if "last_epoch" in own:
        yield schedule
    for inner in own.values():
        if isinstance(inner, LRScheduler):
            yield from _counting(inner)


def _check_closed_forms(config: Config, schedules: list[LRScheduler], step: int) -> None:
    """What rates are at the end, where each step goes on from the one before: by the formula."""
    for schedule in schedules:
        try:
            rates = schedule._get_closed_form_lr()  # type: ignore[attr-defined]
        except OverflowError:
            rates = [math.inf]
        except ArithmeticError:  # a length of 0, which its steps never look at
            continue
        _refuse_rates(config, rates, step)


def _check_rates(config: Config, stand_in: torch.optim.Optimizer, step: int) -> None:
    _refuse_rates(config, [group["lr"] for group in stand_in.param_groups], step)


def _refuse_rates(config: Config, rates: list[float | Tensor], step: int) -> None:
    for rate in map(float, rates):
        if not math.isfinite(rate) or rate < 0:
            raise ConfigError(
                f"the learning rate would be {rate:g} after step {step} of {config.trainer_cfg.total_iter}, "
                "expected a finite number of 0 or more",
                where=config.scheduler_cfg.where or "scheduler_cfg",
                hint="see the numbers of scheduler_cfg, and lr in optimizer_cfg",
            )
