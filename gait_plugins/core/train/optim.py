"""Optimiser over the model's parameter groups, and learning-rate schedule, from their YAML sections."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from gait_plugins.api import GaitModel
from gait_plugins.config import Config
from gait_plugins.config.options import torch_options
from gait_plugins.core.train.objective import Objective
from gait_plugins.errors import ConfigError, GaitPluginsError
from gait_plugins.nn.schedules import with_warm_up

log = logging.getLogger("gait_plugins")


def build_optimizer(config: Config, objective: Objective) -> torch.optim.Optimizer:
    """The ``torch.optim`` class named by ``optimizer_cfg.solver``, over model and loss parameters."""
    section = config.optimizer_cfg
    groups = _trainable(objective.model.parameter_groups(section.options))
    extra = [p for p in objective.losses.parameters() if p.requires_grad]
    if extra and groups and isinstance(groups[0], dict):
        groups.append({"params": extra})
    elif extra:
        groups += extra
    try:
        solver: torch.optim.Optimizer = getattr(torch.optim, section.solver)(groups, **section.options)
    except Exception as error:  # torch checks what it checks, and stumbles over the rest
        raise _refused(section.solver, section.where or "optimizer_cfg", error) from error
    return solver


def build_scheduler(
    config: Config, optimizer: torch.optim.Optimizer, model: GaitModel
) -> torch.optim.lr_scheduler.LRScheduler:
    """The model's schedule: as a rule the ``torch.optim.lr_scheduler`` class of ``scheduler_cfg.scheduler``.

    It steps each iteration. ``scheduler_cfg.warmup`` lies in front of it, whatever it is.
    """
    section = config.scheduler_cfg
    named = torch_options.classes("scheduler")[section.scheduler]

    def configured() -> torch.optim.lr_scheduler.LRScheduler:
        before = _cycled(optimizer)
        try:
            schedule: torch.optim.lr_scheduler.LRScheduler = named(optimizer, **section.options)
        except GaitPluginsError:
            raise
        except Exception as error:
            raise _refused(section.scheduler, section.where or "scheduler_cfg", error) from error
        _tell_overwritten(section.scheduler, section.options, before, _cycled(optimizer))
        return schedule

    schedule = model.schedule(optimizer, configured)
    rise = section.warmup
    return schedule if rise is None else with_warm_up(schedule, rise.steps, rise.factor)


def _cycled(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """What schedules change of the first parameter group."""
    group = optimizer.param_groups[0]
    found = {"lr": float(group["lr"])}
    if "betas" in group:
        found["betas[0]"] = float(group["betas"][0])
    elif "momentum" in group:
        found["momentum"] = float(group["momentum"])
    return found


def _tell_overwritten(
    name: str, options: Mapping[str, Any], before: Mapping[str, float], after: Mapping[str, float]
) -> None:
    """Say which settings of the optimiser a schedule with a height of its own begins with others."""
    heights = options.get("max_lr")
    if heights is None:
        return
    changed = [key for key in before if before[key] != after[key]]
    for key in changed:
        # The rate that is usually written is the height of the schedule; any other one is a mistake.
        known = heights if isinstance(heights, list | tuple) else [heights]
        strange = key == "lr" and before[key] not in [float(height) for height in known]
        log.log(
            logging.WARNING if strange else logging.INFO,
            "%s begins with %s %g%s: optimizer_cfg's %g has no effect",
            name,
            key,
            after[key],
            f" and rises to max_lr {heights}" if key == "lr" else "",
            before[key],
        )


def _trainable(groups: Iterable[Any]) -> list[Any]:
    """Parameters or groups of them, less what is frozen."""
    kept = []
    for group in groups:
        if isinstance(group, dict):
            given = group["params"]
            params = [p for p in ([given] if isinstance(given, Tensor) else given) if p.requires_grad]
            kept += [{**group, "params": params}] if params else []
        elif group.requires_grad:
            kept.append(group)
    return kept


def _refused(name: str, where: str, error: Exception) -> ConfigError:
    said = str(error) if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: {error}"
    said = said.split("\\n")[0].splitlines()[0] if said else type(error).__name__
    hint = f"gait-plugins config explain {name}"
    return ConfigError(f"{name} of torch refuses its options: {said}", where=where, hint=hint)
