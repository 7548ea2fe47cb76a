"""Resuming: the state that a training starts from: none, other weights, or its own last checkpoint."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric

from gait_plugins.api import LossSchedule, Run
from gait_plugins.config import Config
from gait_plugins.core.checkpoints.files import (
    Checkpoint,
    compare_plugins,
    fitting_weights,
    load_checkpoint,
    restore_model,
)
from gait_plugins.core.checkpoints.frames import trained_frames
from gait_plugins.core.checkpoints.partial import (
    absent,
    brought_records,
    load_part,
    parts_of,
    wanted,
    warn_of_untrained_parts,
)
from gait_plugins.core.data.host_batch import FrameRecord
from gait_plugins.core.runs.changes import listed
from gait_plugins.core.runs.hosts import require_same_weights
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.objective import Objective
from gait_plugins.core.train.same_run import Resumed, section_then
from gait_plugins.errors import CheckpointError, ConfigError
from gait_plugins.nn.averages import WeightAverages

log = logging.getLogger("gait_plugins")

_WITHOUT_HINT = "to train from the beginning, set trainer_cfg.restore_hint to 0"
_WITHOUT_FILE = "to train from the beginning, leave out --init-from"

OWED = "schedule_owed"
"""The key of a checkpoint whose schedule has still to take the step that the optimiser took."""

LAST_STEP = "last_step"
"""The key of the weights as they are trained, where those under ``model`` are averages of them."""
AVERAGES = "ema"
"""The key of what is known of these averages beside their numbers."""


class Restorable(Protocol):
    """What of a training is set by restoring it."""

    config: Config
    run: Run
    raw: Objective
    fabric: Fabric
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    averages: WeightAverages | None
    input_size: FrameRecord | None
    resumed: Resumed | None
    taken: list[dict[str, Any]]


def restore(training: Restorable, options: RunOptions) -> int:
    """Bring a training to the state that it is to start from.

    A checkpoint that it goes on from (see :func:`find_resumed`): whole. ``--init-from FILE``: weights only,
    with ``--drop-head`` all but the classifier's. Else ``trainer_cfg.restore_hint`` as in OpenGait: a file
    whose weights (and optimiser and schedule, unless reset) are taken. Else ``trainer_cfg.init``: weights
    of parts.

    Returns:
        The step to start after.
    """
    if training.resumed is not None:
        return _resume(training, training.resumed)
    _begin(training, options)
    require_same_weights(training.fabric, training.raw)
    return 0


def _begin(training: Restorable, options: RunOptions) -> None:
    """Take the weights that a new training starts from."""
    section = training.config.trainer_cfg
    named = parts_of(section.init)
    parts = wanted(training.raw.model, named)
    whole = options.init_from or (section.restore_hint if isinstance(section.restore_hint, str) else None)
    if parts and whole is not None:
        raise ConfigError(
            f"weights are given twice: by {whole} and by trainer_cfg.init",
            where="trainer_cfg.init",
            hint="-o trainer_cfg.init={} starts from the file alone; else leave out the file",
        )
    if options.init_from is not None:
        _weights(training, options.init_from, drop_head=options.drop_head, otherwise=_WITHOUT_FILE)
    elif whole is not None:
        _optimiser(training, _weights(training, Path(whole)), Path(whole))
    training.taken = [load_part(training.raw.model, part) for part in parts]
    training.taken += brought_records(training.raw.model)
    if whole is None:
        warn_of_untrained_parts(training.raw.model, parts)
    for part in absent(training.raw.model, named):
        log.info(
            "%s has no part %r: no weights are taken for it", type(training.raw.model).__name__, part.target
        )


def _resume(training: Restorable, resumed: Resumed) -> int:
    checkpoint, path = resumed.checkpoint, resumed.path
    trained = {**checkpoint, "model": checkpoint.get(LAST_STEP, checkpoint["model"])}
    _take_weights(training, trained, path, exact=not resumed.touches("loss_cfg"))
    _take_averages(training, checkpoint, path)
    records = checkpoint.get("init")
    training.taken = [r for r in records if _is_record(r)] if isinstance(records, list) else []
    _go_on(training, resumed)
    training.input_size = trained_frames(checkpoint)
    total = training.config.trainer_cfg.total_iter
    log.info("resumed from %s: %d of %d steps are done", path, resumed.step, total)
    if resumed.changes:
        log.info("%s: from here on the run has other settings:%s", path, listed(resumed.changes))
    return resumed.step


def _take_averages(training: Restorable, checkpoint: Checkpoint, path: Path) -> None:
    if training.averages is None:
        return
    if AVERAGES not in checkpoint:
        log.info("%s holds no averages: they begin with its weights", path)
        return
    try:
        training.averages.load_state_dict(checkpoint[AVERAGES], checkpoint["model"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"the averages of the weights cannot be taken up: {type(error).__name__}: {error}",
            where=str(path),
            hint="take an earlier checkpoint, or start another run from its weights: --init-from FILE",
        ) from error


def _is_record(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("file"), str)


def _weights(
    training: Restorable,
    path: Path,
    *,
    drop_head: bool = False,
    otherwise: str = _WITHOUT_HINT,
) -> Checkpoint:
    checkpoint = load_checkpoint(path, otherwise, like=training.raw.model.state_dict())
    _take_weights(training, checkpoint, path, drop_head=drop_head)
    return checkpoint


def _take_weights(
    training: Restorable, checkpoint: Checkpoint, path: Path, *, exact: bool = False, drop_head: bool = False
) -> None:
    strict = training.config.trainer_cfg.restore_ckpt_strict
    model, weights = training.raw.model, checkpoint["model"]
    report = restore_model(model, weights, strict=strict, where=str(path), drop_head=drop_head)
    losses = checkpoint.get("losses", {})  # OpenGait writes none
    if not exact:  # another training may well have other losses than this one
        losses = fitting_weights(training.raw.losses, losses)
    if losses:
        restore_model(training.raw.losses, losses, strict=strict and exact, where=str(path))
    compare_plugins(checkpoint.get("plugins", {}), training.run.provenance, str(path))
    if not report.lines():  # else it has been said how many were loaded
        log.info("weights of %s loaded", path)


def _optimiser(training: Restorable, checkpoint: Checkpoint, path: Path) -> None:
    section = training.config.trainer_cfg
    parts: dict[str, tuple[Any, bool]] = {
        "optimizer": (training.optimizer, section.optimizer_reset),
        "scheduler": (training.scheduler, section.scheduler_reset),
    }
    for name, (part, reset) in parts.items():
        if reset:
            log.info("the %s starts anew, because trainer_cfg.%s_reset is set", name, name)
            continue
        if _is_held(checkpoint, path, name):
            _same_choice(training, checkpoint, path, name)
            _load(part, checkpoint[name], path, name)
    if checkpoint.get("scaler"):
        training.fabric.strategy.precision.load_state_dict(checkpoint["scaler"])


def _go_on(training: Restorable, resumed: Resumed) -> None:
    """Optimiser, schedule and scaler go on; settings that have changed count from here on."""
    checkpoint, path = resumed.checkpoint, resumed.path
    begun = [{k: v for k, v in group.items() if k != "params"} for group in training.optimizer.param_groups]
    for name in sorted(resumed.resets):
        log.info("the %s starts anew, because trainer_cfg.%s_reset is set", name, name)
    deciding = {"scheduler_cfg", "model_cfg", "optimizer_cfg"}
    if "optimizer" in resumed.resets:
        deciding.remove("optimizer_cfg")
    elif _is_held(checkpoint, path, "optimizer"):
        _same_solver(training, checkpoint, path)
        _load(training.optimizer, checkpoint["optimizer"], path, "optimizer")
    if "scheduler" not in resumed.resets and _is_held(checkpoint, path, "scheduler"):
        if resumed.touches(*deciding):
            _catch_up(training, resumed, begun)
        else:
            _load(training.scheduler, checkpoint["scheduler"], path, "scheduler")
            if checkpoint.get(OWED):
                training.scheduler.step()
    if checkpoint.get("scaler"):
        training.fabric.strategy.precision.load_state_dict(checkpoint["scaler"])


def _catch_up(training: Restorable, resumed: Resumed, begun: Sequence[Mapping[str, Any]]) -> None:
    """Bring a schedule of other settings to where it would be had the run begun with them.

    Args:
        training: its optimiser has the moments of the checkpoint, its schedule has not stepped yet.
        resumed: the checkpoint.
        begun: the settings of each parameter group as the schedule begins with them.
    """
    schedule, state = training.scheduler, resumed.checkpoint["scheduler"]
    if isinstance(schedule, LossSchedule):
        raise ConfigError(
            f"{type(schedule).__name__} follows the losses of the run: it cannot go on with other settings",
            where="scheduler_cfg",
            hint="set the settings back, or start the schedule anew: -o trainer_cfg.scheduler_reset=true",
        )
    for group, settings in zip(training.optimizer.param_groups, begun, strict=True):
        group.update(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch expects a step of the optimiser before each
        for _ in range(int(state.get("last_epoch", resumed.step)) + bool(resumed.checkpoint.get(OWED))):
            schedule.step()


def _is_held(checkpoint: Checkpoint, path: Path, name: str) -> bool:
    if name not in checkpoint:
        log.warning("the %s starts anew: %s holds no state for it", name, path)
    return name in checkpoint


def _load(part: Any, state: Mapping[str, Any], path: Path, name: str) -> None:
    try:
        part.load_state_dict(state)
        _complete(part)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _misfit(path, name, str(error)) from error


def _same_solver(training: Restorable, checkpoint: Checkpoint, path: Path) -> None:
    """The state of one solver is of no use to another."""
    then = section_then(checkpoint, "optimizer_cfg").get("solver")
    now = training.config.optimizer_cfg.solver
    if then not in (None, now):
        raise _misfit(path, "optimizer", f"it was {then} and is {now} now")


def _same_choice(training: Restorable, checkpoint: Checkpoint, path: Path, name: str) -> None:
    """The checkpoint's optimiser or schedule goes on: what the configuration says now must not be lost."""
    section, key = (f"{name}_cfg", "solver" if name == "optimizer" else "scheduler")
    then, now = section_then(checkpoint, section), training.config.data[section]
    if not then or then == now:
        return
    if then.get(key) != now[key]:
        raise _misfit(path, name, f"it was {then.get(key)} and is {now[key]} now")
    if name == "scheduler" and bool(then.get("warmup")) != bool(now.get("warmup")):
        raise _misfit(path, name, "either it or the one of the configuration has a warm-up, not both")
    changed = ", ".join(k for k in {**then, **now} if then.get(k) != now.get(k))
    log.warning(
        "%s: the %s continues as it was saved; the settings of %s for %s have changed and count only with "
        "-o trainer_cfg.%s_reset=true",
        path,
        name,
        section,
        changed,
        name,
    )


def _complete(part: Any) -> None:
    # torch takes any optimiser's state for any other's, and fails in the first step.
    missing = [k for group in getattr(part, "param_groups", ()) for k in part.defaults if k not in group]
    if missing:
        raise ValueError(f"the saved state is of another kind: it lacks {missing[0]!r}")


def _misfit(path: Path, name: str, reason: str) -> CheckpointError:
    return CheckpointError(
        f"the {name} of the checkpoint does not fit this configuration: {reason}",
        where=str(path),
        hint=f"-o trainer_cfg.{name}_reset=true starts the {name} anew",
    )
