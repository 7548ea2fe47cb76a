"""Recipe history: whether a stage was trained before with the settings and weights of now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from gait_plugins.config import Config
from gait_plugins.config.recipe.model import Stage
from gait_plugins.core.runs.changes import (
    Change,
    data_changes,
    listed,
    read_data_record,
    setting_changes,
    weight_changes,
)
from gait_plugins.core.runs.folder import STARTED_FROM
from gait_plugins.core.runs.kept_precision import kept_precision, precision_then
from gait_plugins.core.runtime.precision import precision_in_use
from gait_plugins.errors import ConfigError

ALSO = (
    "data_cfg.validation",
    "trainer_cfg.restore_hint",
    "trainer_cfg.optimizer_reset",
    "trainer_cfg.scheduler_reset",
    "trainer_cfg.keep_best",
    "trainer_cfg.early_stopping",
)
"""Settings that are compared too, unlike in a single run: how a stage begins, and what it hands on."""


def changes_of(stage: Stage, config: Config, device: str, data: Mapping[str, Any]) -> list[Change]:
    """What decides the weights of a stage and is not as its run folder says that it was.

    Args:
        stage: the stage.
        config: its configuration, with the files that it starts from.
        device: what is computed on.
        data: the record of its training sequences.
    """
    changes = []
    written = stage.folder / "config.yaml"
    if written.is_file():
        then = yaml.safe_load(written.read_text(encoding="utf-8"))
        recorded = _recorded_precision(stage)
        was = precision_then(then, device, recorded)
        section, kept = config.trainer_cfg, kept_precision(then, config, device, recorded)
        now = kept or precision_in_use(section.precision, section.enable_float16, device)
        changes += setting_changes(then, config, precision=(was, now), also=ALSO)
        known = read_data_record(stage.folder)
        changes += [] if known is None else data_changes(known, data)
    path = stage.folder / STARTED_FROM
    records = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [*changes, *weight_changes(records, config)]


def _recorded_precision(stage: Stage) -> object:
    path = stage.folder / "environment.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said.get("precision") if isinstance(said, dict) else None


def check_unchanged(stage: Stage, changes: list[Change]) -> None:
    """Refuse a stage that was trained with other settings or from other weights.

    Raises:
        ConfigError: there are changes.
    """
    if changes:
        raise ConfigError(
            f"the stage {stage.name!r} was trained with other settings:{listed(changes)}",
            where=str(stage.folder),
            hint=f"train the stage again with --stage {stage.name} --overwrite (and the stages after it), or "
            "give the recipe another run folder with -o name=NAME, or take what is there: --allow-changes",
        )
