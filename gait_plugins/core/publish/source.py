"""Source of a publication: a run folder or a checkpoint, with its configuration and its figures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gait_plugins.config import Config, load_config
from gait_plugins.core.assembly.class_count import counted_by
from gait_plugins.core.assembly.components import on_meta
from gait_plugins.core.checkpoints.compare import compare_weights
from gait_plugins.core.checkpoints.files import BEST, Checkpoint, check_finite, load_checkpoint
from gait_plugins.core.weights.lookup import located
from gait_plugins.errors import CheckpointError, DataError
from gait_plugins.io.weights.part_of_file import split_part

_NUMBERED = re.compile(r".*-(\d+)\.pt")
_FOLDER = "checkpoints"


@dataclass(frozen=True)
class Publishable:
    """What is to be published."""

    file: Path
    """The checkpoint."""
    checkpoint: Checkpoint
    weights: Mapping[str, torch.Tensor]
    config: Config
    results: tuple[Mapping[str, Any], ...]
    """What tests and validations of these weights found, as their JSON files hold it."""


def read_publishable(
    source: Path,
    config: str | None = None,
    results: Path | None = None,
    overrides: Sequence[str] = (),
) -> Publishable:
    """Read what is to be published, and see that it is whole.

    Args:
        source: a run folder, of which its best or else its last checkpoint is taken; or a checkpoint.
        config: its configuration; None: the one that the checkpoint holds.
        results: its figures; None: those of the run folder for the same iteration.
        overrides: settings over those of the configuration, ``key=value``.

    Raises:
        CheckpointError: there is no checkpoint, no configuration, or the two do not fit.
        DataError: the figures cannot be read.
    """
    file = _checkpoint_of(source) if source.is_dir() else source
    checkpoint = load_checkpoint(file)
    loaded = load_config(config if config is not None else _config_in(checkpoint, file), overrides)
    loaded = counted_by(loaded, checkpoint, str(file))
    model = on_meta(loaded.model_cfg.build)
    report = compare_weights(model, checkpoint["model"])
    if report.missing or report.mismatched:
        lines = "\n".join(f"  {line}" for line in report.lines())
        raise CheckpointError(
            f"the weights do not fit {report.model}: {len(report.fitting)} of {report.own} match\n{lines}",
            where=str(file),
            hint="name the configuration that they were trained with: --config CONFIG",
        )
    check_finite(model, checkpoint["model"], str(file))
    weights = {key: checkpoint["model"][key] for key in report.fitting}
    found = [_read_results(results)] if results is not None else _results_beside(file, checkpoint)
    return Publishable(
        file,
        checkpoint,
        {key: value for key, value in weights.items() if isinstance(value, torch.Tensor)},
        loaded,
        tuple(found),
    )


def _checkpoint_of(run: Path) -> Path:
    """The best checkpoint of a run folder, or else its last."""
    folder = run / _FOLDER
    if (folder / BEST).is_file():
        return folder / BEST
    numbered = {int(m[1]): path for path in folder.glob("*.pt") if (m := _NUMBERED.fullmatch(path.name))}
    if not numbered:
        raise CheckpointError(
            "the folder is no run folder with checkpoints", where=str(run), hint="name a checkpoint file"
        )
    return numbered[max(numbered)]


def _config_in(checkpoint: Checkpoint, file: Path) -> dict[str, Any]:
    config: dict[str, Any] | None = checkpoint.get("config")
    if not config:
        raise CheckpointError(
            "the file does not hold its configuration",
            where=str(file),
            hint="name it: --config CONFIG; gait-plugins checkpoint show FILE lists those that fit",
        )
    return config


def _results_beside(file: Path, checkpoint: Checkpoint) -> Iterator[Mapping[str, Any]]:
    """The figures of a run folder that were found with these very weights."""
    bare = split_part(located(file))[0]
    step = checkpoint.get("iteration")
    if bare.parent.name != _FOLDER or step is None:
        return
    for path in sorted(bare.parent.parent.glob(f"results-{step}-*.json")):
        yield _read_results(path)


def _read_results(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"the figures cannot be read: {error}", where=str(path)) from error
    if not isinstance(found, dict) or not isinstance(found.get("metrics"), dict):
        raise DataError(
            "the file holds no figures of a test",
            where=str(path),
            hint="gait-plugins test writes results-STEP-PROTOCOL.json to the run folder",
        )
    return found
