"""Recipe history: whether a stage was trained before with the settings and weights of now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from gait_plugins.config import Config
from gait_plugins.config.plain import flat_settings
from gait_plugins.config.recipe.model import Stage
from gait_plugins.config.yaml.defaults import default_tree
from gait_plugins.core.checkpoints.partial import parts_of
from gait_plugins.core.runs.folder import STARTED_FROM
from gait_plugins.errors import ConfigError
from gait_plugins.io.atomic import file_sha256

HARMLESS = (
    "output_dir",
    "run_dir",
    "plugins",
    "data_cfg.num_workers",
    "trainer_cfg.init",  # its files are compared by their content
    "trainer_cfg.log_iter",
    "trainer_cfg.save_iter",
    "trainer_cfg.with_test",
    "trainer_cfg.total_iter",
    "trainer_cfg.find_unused_parameters",
    "evaluator_cfg",
)
"""Settings that may change between two starts of a stage: the weights come out the same, or go on."""


def check_unchanged(stage: Stage, config: Config) -> None:
    """Check that the run folder holds a training with these settings, from these weights.

    Raises:
        ConfigError: settings or weights differ.
    """
    differences = [*_other_settings(stage.folder / "config.yaml", config), *_other_weights(stage, config)]
    if differences:
        raise ConfigError(
            f"the stage {stage.name!r} was trained with other settings: {'; '.join(differences[:4])}",
            where=str(stage.folder),
            hint=f"train the stage again with --stage {stage.name} --overwrite (and the stages after it), or "
            "give the recipe another run folder with -o name=NAME",
        )


def _other_settings(path: Path, config: Config) -> Iterator[str]:
    if not path.is_file():
        return
    # Through YAML, as the other one came.
    now = flat_settings(yaml.safe_load(yaml.safe_dump(config.data)))
    then = flat_settings(yaml.safe_load(path.read_text(encoding="utf-8")))
    defaults = flat_settings(default_tree().data)
    for key in {**then, **now}:
        # A version of ours that did not know a setting yet has trained by its default.
        if key not in then and key in defaults and defaults[key] == now[key]:
            continue
        harmless = any(key == name or key.startswith(f"{name}.") for name in HARMLESS)
        if not harmless and then.get(key) != now.get(key):
            yield f"{key} was {then.get(key)} and is {now.get(key)} now"


def _other_weights(stage: Stage, config: Config) -> Iterator[str]:
    path = stage.folder / STARTED_FROM
    records = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    then = {record["part"]: record["sha256"] for record in records}
    parts = [part for part in parts_of(config.trainer_cfg.init) if part.target in then or not part.optional]
    now = {part.target: Path(part.source) for part in parts}
    for target in {**then, **now}:
        title = target or "the whole model"
        if target not in now or target not in then:
            yield f"{title} started {'with' if target in then else 'without'} weights of another training"
        elif now[target].is_file() and file_sha256(now[target]) != then[target]:
            yield f"{title} started from other weights than {now[target]} holds now"
