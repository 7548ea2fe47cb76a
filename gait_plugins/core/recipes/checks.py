"""Recipe checks that need no training: models, weights and data of the stages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gait_plugins.api import GaitModel
from gait_plugins.config import Config
from gait_plugins.config.recipe.model import RecipeConfig, Stage
from gait_plugins.core.assembly.batches import build_batches, scored_phases
from gait_plugins.core.assembly.checks import check_losses, check_trainable
from gait_plugins.core.assembly.class_count import counted, counted_if_there
from gait_plugins.core.assembly.components import build_dataset, build_losses, model_outline
from gait_plugins.core.checkpoints.compare import LoadReport
from gait_plugins.core.checkpoints.files import Checkpoint, load_checkpoint
from gait_plugins.core.checkpoints.identify import quiet
from gait_plugins.core.checkpoints.partial import (
    Part,
    absent,
    fit_part,
    freeze,
    parts_of,
    read_source,
    wanted,
    warn_of_untrained_parts,
)
from gait_plugins.core.runs.changes import data_record
from gait_plugins.core.train.objective import Objective
from gait_plugins.core.train.optim import build_optimizer
from gait_plugins.core.train.rehearsal import rehearse
from gait_plugins.errors import ConfigError, GaitPluginsError
from gait_plugins.registry.manager import pin_plugins

_SETTING = re.compile(r"(?<=-o )(?=\w+_cfg\b)")
"""Where an advice sets something in one configuration."""


class PartFit(NamedTuple):
    """The weights that a stage will take for a part of its model."""

    part: Part
    """Its source is a stage or a file, as the recipe says."""
    report: LoadReport | None
    """None: the model has no such part, and need not have it."""
    prefix: str


def check_stages(recipe: RecipeConfig) -> dict[str, list[PartFit]]:
    """See whether the stages fit together: every model can be made, every part finds its weights.

    Models are made without memory for their weights. Files are read, no data set is.

    Returns:
        Stage -> what it takes.

    Raises:
        ConfigError, CheckpointError: a part or file is not there, or names or shapes do not fit.
    """
    models: dict[str, GaitModel] = {}
    found: dict[str, list[PartFit]] = {}
    for stage in recipe.stages:
        pin_plugins(stage.config.plugins)
        with of_stage(stage):
            models[stage.name] = model_outline(counted_if_there(stage.config).config)
            freeze(models[stage.name], stage.config.trainer_cfg.freeze)
            _check_hint(stage.config)
        parts = parts_of(stage.config.trainer_cfg.init)
        found[stage.name] = [PartFit(part, None, "") for part in absent(models[stage.name], parts)]
        for part in wanted(models[stage.name], parts):
            take = stage.takes.get(part.target)
            origin = None if take is None else take.stage
            model = models[stage.name]
            checkpoint = read_source(model, part) if origin is None else _to_be(recipe[origin], models)
            where = (None if take is None else take.where) or part.source
            with of_stage(stage, where):
                fit = fit_part(models[stage.name], part, checkpoint, where)
            found[stage.name].append(PartFit(part, *fit))
        if not isinstance(stage.config.trainer_cfg.restore_hint, str):
            warn_of_untrained_parts(models[stage.name], [part for part, *_ in found[stage.name]])
    return found


def check_data(stages: Iterable[Stage]) -> dict[str, dict[str, Any]]:
    """See whether the data of stages is there and fits sampler, losses and model.

    Returns:
        Stage -> the record of its training sequences.

    Raises:
        GaitPluginsError: what a training of the stage would end in at once.
    """
    records = {}
    for stage in stages:
        pin_plugins(stage.config.plugins)
        with of_stage(stage), quiet():  # its training will tell the same
            dataset = build_dataset(stage.config)
            config = counted(stage.config, dataset)
            model = model_outline(config)
            maker = build_batches(stage.config, dataset, "train", model.streams)
            losses = build_losses(config)
            check_losses(losses, maker)
            check_trainable(model, maker.index)
            optimizer = build_optimizer(stage.config, Objective(model, losses))
            rehearse(stage.config, optimizer, model, torch.device("cpu"))
            model.check_targets(maker.target_names())
            for phase in scored_phases(stage.config):
                build_batches(stage.config, dataset, phase, model.streams)
            records[stage.name] = data_record(maker.index.refs)
    return records


def _check_hint(config: Config) -> None:
    """See that the file which a configuration itself starts from is there, and is the only one."""
    hint = config.trainer_cfg.restore_hint
    if not isinstance(hint, str):
        return
    if config.trainer_cfg.init:
        raise ConfigError(
            f"weights are given twice: by trainer_cfg.restore_hint ({hint}) and by init",
            hint="remove one of them, for example with overrides: {trainer_cfg: {restore_hint: 0}}",
        )
    load_checkpoint(Path(hint))


def _to_be(stage: Stage, models: Mapping[str, GaitModel]) -> Checkpoint:
    """What a checkpoint of a stage will be, as far as it is known before its training."""
    return {"model": models[stage.name].state_dict(), "config": stage.config.data}


@contextmanager
def of_stage(stage: Stage, where: str | None = None) -> Iterator[None]:
    """Errors inside are of a stage: they say where it is written, and their advice is for it alone."""
    where = where or stage.where
    try:
        yield
    except GaitPluginsError as error:
        if where is not None and where not in (error.where or ""):
            error.where = f"{where}: {error.where}" if error.where else where
        error.hint = error.hint and _SETTING.sub(f"{stage.name}.", error.hint)
        raise
