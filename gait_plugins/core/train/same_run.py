"""Same run: whether a training that goes on from a checkpoint is the one that wrote it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from gait_plugins.config import Config
from gait_plugins.core.checkpoints.files import (
    Checkpoint,
    checkpoint_path,
    load_checkpoint,
    saved_iterations,
)
from gait_plugins.core.runs.changes import (
    Change,
    components,
    data_changes,
    listed,
    setting_changes,
    weight_changes,
)
from gait_plugins.core.runs.hosts import read_by_first
from gait_plugins.core.runs.kept_precision import kept_precision, precision_then
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.runtime.precision import precision_of, set_precision
from gait_plugins.errors import CheckpointError, ConfigError
from gait_plugins.io.weights.tensor_file import is_tensor_file

log = logging.getLogger("gait_plugins")

_FROM_ZERO = "to train from the beginning, set trainer_cfg.restore_hint to 0"
_SET_BACK = (
    "set them back as the run's config.yaml has them, or go on with the new ones: --allow-changes, which "
    "records them in changes.json"
)


@dataclass(frozen=True)
class Resumed:
    """The checkpoint that a training goes on from, and what has changed since."""

    path: Path
    checkpoint: Checkpoint
    changes: tuple[Change, ...]
    """Settings and starting weights."""
    resets: frozenset[str]
    """Which of ``optimizer`` and ``scheduler`` start anew."""

    @property
    def step(self) -> int:
        """The step that the checkpoint was written after."""
        return int(self.checkpoint["iteration"])

    def touches(self, *sections: str) -> bool:
        """True where a setting of one of the sections has changed."""
        return any(change.name.partition(".")[0] in sections for change in self.changes)


def find_resumed(config: Config, options: RunOptions, folder: Path, fabric: Fabric) -> Resumed | None:
    """The checkpoint to go on from, None where the training begins; nothing is built or written yet.

    ``--resume``: the last one of the run folder. An iteration in ``trainer_cfg.restore_hint``: that one.

    Raises:
        CheckpointError: it cannot be read, or does not say which step it is of.
        ConfigError: options exclude each other; or settings that decide the numbers are others than it was
            trained by, and ``allow_changes`` is not set. Each is named.
    """
    check_options(options)
    found = read_by_first(fabric, partial(_read, config, options, folder))
    if found is None:
        return None
    path, checkpoint, weights_alone = found
    if weights_alone:
        raise CheckpointError(
            "the file holds weights alone, no state of optimiser and schedule to go on from",
            where=str(path),
            hint=f"start another run from its weights: --init-from {path}",
        )
    if "iteration" not in checkpoint:
        raise CheckpointError(
            "the checkpoint does not say after which iteration it was written",
            where=str(path),
            hint=f"start another run from its weights: --init-from {path}",
        )
    _keep_precision(config, checkpoint, path, fabric)
    resets = _resets(config, checkpoint, options)
    changes = _changes(config, checkpoint, fabric)
    refused = [c for c in changes if not (reset := _section_of(c)) or reset not in resets]
    if refused and not options.allow_changes:
        raise ConfigError(
            f"the run was trained with other settings than the configuration has now:{listed(refused)}",
            where=str(path),
            hint=_SET_BACK + _starts_anew(refused),
        )
    begun_anew = [Change(f"trainer_cfg.{part}_reset", False, True) for part in sorted(resets)]
    return Resumed(path, checkpoint, (*changes, *begun_anew), resets)


def _read(config: Config, options: RunOptions, folder: Path) -> tuple[Path, Checkpoint, bool] | None:
    """The file to go on from, what is in it, and whether it is one of weights alone."""
    path = _path(config, options, folder)
    return None if path is None else (path, load_checkpoint(path, _FROM_ZERO), is_tensor_file(path))


def check_options(options: RunOptions) -> None:
    """See that the options of a start do not exclude each other.

    Raises:
        ConfigError: they do.
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


def check_data(resumed: Resumed, config: Config, now: Mapping[str, Any], allowed: bool) -> list[Change]:
    """The training sequences, where they are others than the checkpoint was trained on.

    Args:
        resumed: the checkpoint.
        config: the configuration of now.
        now: the record of the training sequences.
        allowed: other sequences are taken.

    Raises:
        ConfigError: they are others, and it is not allowed.
    """
    then = resumed.checkpoint.get("data")
    if not then:
        _warn_of_moved_data(resumed, config)
        return []
    changes = data_changes(then, now)
    if changes and not allowed:
        raise ConfigError(
            f"the run was trained on other sequences than the data set has now:{listed(changes)}",
            where=str(resumed.path),
            hint="restore the data set or its partition, or go on with the new sequences: --allow-changes, "
            "which records it in changes.json",
        )
    return changes


def machine_record(fabric: Fabric) -> dict[str, Any]:
    """What a checkpoint keeps of the machine: what decides over equality to the last bit."""
    return {
        "device": fabric.device.type,
        "processes": fabric.world_size,
        "threads": torch.get_num_threads(),
        "precision": precision_of(fabric),
    }


def machine_changes(resumed: Resumed, folder: Path, fabric: Fabric) -> list[Change]:
    """Device, processes and threads that differ; a warning names both numbers."""
    then, now = _machine(resumed.checkpoint, folder), machine_record(fabric)
    changes = []
    for name in ("device", "processes", "threads"):
        counts = name != "threads" or fabric.device.type == "cpu"  # a GPU computes the same under any
        if name in then and then[name] != now[name] and counts:
            changes.append(Change(name, then[name], now[name]))
    if changes and fabric.is_global_zero:
        log.warning(
            "%s: the run goes on under other conditions: %s; its numbers will be equal up to rounding, and "
            "no longer bit by bit",
            resumed.path,
            "; ".join(f"{c.name} {c.then} then, {c.now} now" for c in changes),
        )
    return changes


def section_then(checkpoint: Checkpoint, name: str) -> Mapping[str, Any]:
    """A section of the configuration of a checkpoint, empty where it has none: a file may hold anything."""
    section = checkpoint.get("config", {}).get(name)
    return section if isinstance(section, Mapping) else {}


def _path(config: Config, options: RunOptions, folder: Path) -> Path | None:
    section = config.trainer_cfg
    if options.resume:
        saved = saved_iterations(folder, section.save_name)
        if not saved:
            log.info("%s holds no checkpoint yet: the training starts from the beginning", folder)
        return checkpoint_path(folder, section.save_name, saved[-1]) if saved else None
    if isinstance(section.restore_hint, int) and section.restore_hint and options.init_from is None:
        return checkpoint_path(folder, section.save_name, section.restore_hint)
    return None


def _resets(config: Config, checkpoint: Checkpoint, options: RunOptions) -> frozenset[str]:
    """What starts anew. A reset that the run began with is done: ``--resume`` does not repeat it."""
    section = config.trainer_cfg
    asked = {"optimizer": section.optimizer_reset, "scheduler": section.scheduler_reset}
    then = section_then(checkpoint, "trainer_cfg") if options.resume else {}
    return frozenset(name for name, wanted in asked.items() if wanted and not then.get(f"{name}_reset"))


def _changes(config: Config, checkpoint: Checkpoint, fabric: Fabric) -> list[Change]:
    then, seed = checkpoint.get("config"), checkpoint.get("rng", {}).get("seed")
    if not then:  # OpenGait's files do not say
        now = config.trainer_cfg.seed
        return [] if seed in (None, now) else [Change("trainer_cfg.seed", seed, now)]
    was = precision_then(then, fabric.device.type, _recorded_precision(checkpoint))
    changes = setting_changes(then, config, precision=(was, precision_of(fabric)))
    records = checkpoint.get("init")
    return [*changes, *weight_changes(records, config)] if isinstance(records, list) else changes


def _keep_precision(config: Config, checkpoint: Checkpoint, path: Path, fabric: Fabric) -> None:
    """Where ``auto`` decides, a training goes on in what it began in; the Fabric has set up nothing yet."""
    then, here = checkpoint.get("config"), precision_of(fabric)
    if not then or config.trainer_cfg.precision != "auto":
        return
    kept = kept_precision(then, config, fabric.device.type, _recorded_precision(checkpoint))
    if kept not in (None, here):
        set_precision(fabric, str(kept))
        log.info("%s: the training goes on in %s, as it began; auto would be %s here", path, kept, here)


def _recorded_precision(checkpoint: Checkpoint) -> object:
    return checkpoint.get("machine", {}).get("precision")


def _section_of(change: Change) -> str | None:
    """``optimizer`` or ``scheduler``, where a change is of their section."""
    section = change.name.partition(".")[0].removesuffix("_cfg")
    return section if section in ("optimizer", "scheduler") else None


def _starts_anew(changes: Sequence[Change]) -> str:
    parts = dict.fromkeys(part for change in changes if (part := _section_of(change)))
    return "".join(f"; -o trainer_cfg.{part}_reset=true starts the {part} anew" for part in parts)


def _machine(checkpoint: Checkpoint, folder: Path) -> Mapping[str, Any]:
    """What the checkpoint says of its machine; an older one does not, the run folder says the threads."""
    known = checkpoint.get("machine")
    if known:
        return dict(known)
    path = folder / "environment.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: said[k] for k in ("threads", "processes") if k in said} if isinstance(said, dict) else {}


def _warn_of_moved_data(resumed: Resumed, config: Config) -> None:
    """An older checkpoint does not say what it was trained on: a place is all that can be compared."""
    then = section_then(resumed.checkpoint, "data_cfg")
    now = config.data["data_cfg"]
    (dataset,) = [spec for path, spec in components(config) if path == "data_cfg"]
    options: frozenset[str] = getattr(dataset.component.load(), "indifferent_options", frozenset())
    moved = [
        Change(f"data_cfg.{name}", then.get(name), now[name])
        for name in sorted(options & now.keys())
        if then and isinstance(now[name], str) and then.get(name) != now[name]
    ]
    if moved:
        log.warning(
            "%s does not say which sequences it was trained on; they are taken to be the same:%s",
            resumed.path,
            listed(moved),
        )
