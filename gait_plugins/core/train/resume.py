"""Resuming: the state that a training starts from: none, other weights, or its own last checkpoint."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric

from gait_plugins.api import Run
from gait_plugins.config import Config
from gait_plugins.core.checkpoints.files import (
    Checkpoint,
    checkpoint_path,
    compare_plugins,
    fitting_weights,
    load_checkpoint,
    restore_model,
    saved_iterations,
)
from gait_plugins.core.checkpoints.partial import absent, load_part, parts_of, wanted, warn_of_untrained_parts
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.objective import Objective
from gait_plugins.errors import CheckpointError, ConfigError

log = logging.getLogger("gait_plugins")

_WITHOUT_HINT = "to train from the beginning, set trainer_cfg.restore_hint to 0"
_WITHOUT_FILE = "to train from the beginning, leave out --init-from"


class Restorable(Protocol):
    """What of a training is set by restoring it."""

    config: Config
    run: Run
    raw: Objective
    fabric: Fabric
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    input_size: tuple[int, int] | None
    taken: list[dict[str, Any]]


def check_flags(options: RunOptions) -> None:
    """Refuse flags that contradict each other, before any data are looked for.

    Raises:
        ConfigError: names both and says what each does.
    """
    if options.resume and options.init_from is not None:
        raise ConfigError(
            "--resume and --init-from exclude each other: --resume continues, --init-from starts again"
        )
    if options.resume and options.overwrite:
        raise ConfigError(
            "--resume and --overwrite exclude each other: --resume continues, --overwrite starts again"
        )
    if options.drop_head and options.init_from is None:
        raise ConfigError("--drop-head needs --init-from FILE: it leaves out the classifier of that file")


def restore(training: Restorable, options: RunOptions) -> int:
    """Bring a training to the state that it is to start from.

    ``--resume``: the last checkpoint of the run folder, whole (none there: from the beginning).
    ``--init-from FILE``: weights only, with ``--drop-head`` all but the classifier's. Else
    ``trainer_cfg.restore_hint`` as in OpenGait: an iteration of the run folder, or a file whose weights
    (and optimiser and schedule, unless reset) are taken. Else ``trainer_cfg.init``: weights of parts.

    Returns:
        The step to start after.
    """
    section, folder = training.config.trainer_cfg, training.run.folder
    saved = saved_iterations(folder, section.save_name) if options.resume else []
    if saved:
        return _resume(training, checkpoint_path(folder, section.save_name, saved[-1]))
    if options.resume:
        log.info("%s holds no checkpoint yet: the training starts from the beginning", folder)
    elif isinstance(section.restore_hint, int) and section.restore_hint and options.init_from is None:
        return _resume(training, checkpoint_path(folder, section.save_name, section.restore_hint))
    _begin(training, options)
    return 0


def _begin(training: Restorable, options: RunOptions) -> None:
    """Take the weights that a new training starts from."""
    section = training.config.trainer_cfg
    listed = parts_of(section.init)
    parts = wanted(training.raw.model, listed)
    whole = options.init_from or (section.restore_hint if isinstance(section.restore_hint, str) else None)
    if parts and whole is not None:
        raise ConfigError(
            f"weights are given twice: by {whole} and by trainer_cfg.init",
            where="trainer_cfg.init",
            hint="give one file for the whole model, or files for its parts, not both",
        )
    if options.init_from is not None:
        _weights(training, options.init_from, drop_head=options.drop_head, otherwise=_WITHOUT_FILE)
    elif whole is not None:
        _optimiser(training, _weights(training, Path(whole)), Path(whole))
    training.taken = [load_part(training.raw.model, part) for part in parts]
    if whole is None:
        warn_of_untrained_parts(training.raw.model, parts)
    for part in absent(training.raw.model, listed):
        log.info(
            "%s has no part %r: no weights are taken for it", type(training.raw.model).__name__, part.target
        )


def _resume(training: Restorable, path: Path) -> int:
    checkpoint = _weights(training, path, exact=True)
    training.taken = checkpoint.get("init", [])
    if "iteration" not in checkpoint:
        raise CheckpointError(
            "the checkpoint does not say after which iteration it was written",
            where=str(path),
            hint=f"start another run from its weights: --init-from {path}",
        )
    _optimiser(training, checkpoint, path)
    seed = checkpoint.get("rng", {}).get("seed", training.config.trainer_cfg.seed)
    if seed != training.config.trainer_cfg.seed:
        raise ConfigError(
            f"the run was started with seed {seed}, the configuration now says "
            f"{training.config.trainer_cfg.seed}: the order of batches would change",
            where=str(path),
            hint=f"-o trainer_cfg.seed={seed}",
        )
    size = checkpoint.get("input_size")
    training.input_size = None if size is None else (int(size[0]), int(size[1]))
    step = int(checkpoint["iteration"])
    log.info("resumed from %s: %d of %d steps are done", path, step, training.config.trainer_cfg.total_iter)
    return step


def _weights(
    training: Restorable,
    path: Path,
    *,
    exact: bool = False,
    drop_head: bool = False,
    otherwise: str = _WITHOUT_HINT,
) -> Checkpoint:
    checkpoint = load_checkpoint(path, otherwise)
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
    return checkpoint


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
        if name not in checkpoint:
            log.warning("the %s starts anew: %s holds no state for it", name, path)
            continue
        _same_choice(training, checkpoint, path, name)
        try:
            part.load_state_dict(checkpoint[name])
            _complete(part)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _misfit(path, name, str(error)) from error
    if checkpoint.get("scaler"):
        training.fabric.strategy.precision.load_state_dict(checkpoint["scaler"])


def _same_choice(training: Restorable, checkpoint: Checkpoint, path: Path, name: str) -> None:
    """The checkpoint's optimiser or schedule goes on: what the configuration says now must not be lost."""
    section, key = (f"{name}_cfg", "solver" if name == "optimizer" else "scheduler")
    then, now = checkpoint.get("config", {}).get(section), training.config.data[section]
    if then is None or then == now:
        return
    if then.get(key) != now[key]:
        raise _misfit(path, name, f"it was {then.get(key)} and is {now[key]} now")
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
