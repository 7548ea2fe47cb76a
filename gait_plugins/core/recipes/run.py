"""Running recipes: the stages one after the other, each from the weights of earlier ones."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Literal

from gait_plugins.api import Results
from gait_plugins.config import Config
from gait_plugins.config.recipe.model import RecipeConfig, Stage, sources
from gait_plugins.core.assembly.batches import scored_phases
from gait_plugins.core.checkpoints.files import BEST, checkpoint_path, saved_iterations
from gait_plugins.core.evaluate.report import results_path
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.recipes.checks import check_data, check_stages, of_stage
from gait_plugins.core.recipes.history import changes_of, check_unchanged
from gait_plugins.core.runs.changes import listed
from gait_plugins.core.runs.hosts import require_same
from gait_plugins.core.runtime.devices import make_fabric
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.best import ScoreHistory
from gait_plugins.core.train.loop import train
from gait_plugins.errors import CheckpointError, ConfigError

State = Literal["new", "interrupted", "finished"]

log = logging.getLogger("gait_plugins")


def train_recipe(
    recipe: RecipeConfig, options: RunOptions | None = None, only: str | None = None
) -> Results | None:
    """Train the stages in their order; finished ones are passed over, an interrupted one goes on.

    Args:
        recipe: the stages.
        options: ``overwrite`` starts afresh, with all stages or with the only one.
        only: train this stage alone; those that it takes from must be finished.

    Returns:
        The results of the last test of the last stage, on the first rank.

    Raises:
        GaitPluginsError: something does not fit, before anything is trained; else as ``train``.
    """
    options = options or RunOptions()
    _refuse(options)
    chosen = recipe.stages if only is None else (recipe[only],)
    fabric = make_fabric(options.device, options.devices)  # from here on only the first rank speaks
    device = fabric.device.type
    states = {stage.name: state_of(stage) for stage in chosen}
    hint = "a recipe on several hosts needs a disk that they share"
    require_same(fabric, "finished stages", lambda: states, hint)
    check_stages(recipe)
    records = check_data(chosen)
    results: Results | None = None
    for number, stage in enumerate(recipe.stages, 1):
        if stage not in chosen:
            continue
        title = f"stage {number}/{len(recipe.stages)} {stage.name}"
        config = with_files(recipe, stage)
        state = "new" if options.overwrite else state_of(stage)
        changes = [] if state == "new" else changes_of(stage, config, device, records[stage.name])
        if not options.allow_changes:
            check_unchanged(stage, changes)
        elif changes and state == "finished":
            log.warning("%s was trained with other settings, and stays as it is:%s", title, listed(changes))
        if state == "finished":
            log.info("%s: already finished, %s", title, last_checkpoint(stage))
            continue
        log.info("%s: %s in %s", title, "continues" if state == "interrupted" else "begins", stage.folder)
        with of_stage(stage):
            results = train(config, replace(options, resume=not options.overwrite))
    return results


def score_recipe(
    recipe: RecipeConfig,
    options: RunOptions | None = None,
    only: str | None = None,
    checkpoint: Path | None = None,
) -> Results | None:
    """Score a stage, the last one if none is named, by its own protocol.

    Args:
        recipe: the stages.
        options: where to compute.
        only: the stage.
        checkpoint: the file to score; None: the stage's best one where its ``evaluator_cfg.restore_hint``
            says ``best``, or else its last one.
    """
    stage = recipe.stages[-1] if only is None else recipe[only]
    which = "best" if stage.config.evaluator_cfg.restore_hint == "best" else "last"
    path = _file_of(stage, which) if checkpoint is None else checkpoint
    return score(stage.config.changed("evaluator_cfg", "restore_hint", str(path)), options)


def state_of(stage: Stage) -> State:
    """How far the training of a stage is."""
    trainer = stage.config.trainer_cfg
    saved = saved_iterations(stage.folder, trainer.save_name)
    if not saved:
        return "new"
    known = ScoreHistory.read(trainer, stage.folder, saved[-1])
    return (
        "finished" if _is_trained(stage, known) and not _owes_the_last_test(stage, known) else "interrupted"
    )


def last_checkpoint(stage: Stage) -> Path:
    """The last checkpoint of a stage that is finished.

    Raises:
        CheckpointError: it is not.
    """
    trainer = stage.config.trainer_cfg
    saved = saved_iterations(stage.folder, trainer.save_name)
    if not saved or not _is_trained(stage, ScoreHistory.read(trainer, stage.folder, saved[-1])):
        done = f"{saved[-1]} of {trainer.total_iter} steps are done" if saved else "it has not started"
        if trainer.total_iter in saved:
            done = "its last checkpoint has not been scored"
        raise CheckpointError(
            f"the stage {stage.name!r} is not finished: {done}",
            where=str(stage.folder),
            hint="gait-plugins train RECIPE trains the unfinished stages",
        )
    last = trainer.total_iter if trainer.total_iter in saved else saved[-1]
    return checkpoint_path(stage.folder, trainer.save_name, last)


def with_files(recipe: RecipeConfig, stage: Stage) -> Config:
    """The configuration of a stage, with the files of the stages that it takes from.

    Raises:
        CheckpointError: one of them is not finished.
    """
    init = stage.config.data["trainer_cfg"].get("init")
    files = {}
    for target, source in sources(init).items():
        take = stage.takes.get(target)
        written = {"from": source} if isinstance(source, str) else dict(source)
        if take is not None and take.stage is not None:
            written["from"] = str(_file_of(recipe[take.stage], take.checkpoint))
        files[target] = written
    if not files:
        return stage.config
    return stage.config.changed("trainer_cfg", "init", files.get("", files))


def _is_trained(stage: Stage, known: ScoreHistory) -> bool:
    trainer = stage.config.trainer_cfg
    saved = saved_iterations(stage.folder, trainer.save_name)
    # Killed before the figure of its last checkpoint, a training may not know its best one.
    decided = not known.wanted or saved[-1] in known.figures
    return decided and (trainer.total_iter in saved or known.enough)


def _owes_the_last_test(stage: Stage, known: ScoreHistory) -> bool:
    config = stage.config
    if len(scored_phases(config)) < 2:
        return False
    return not results_path(stage.folder, known.final, config.evaluator_cfg.protocol.name).is_file()


def _file_of(stage: Stage, which: int | str) -> Path:
    last = last_checkpoint(stage)
    if which == "last":
        return last
    if which == "best":
        return last.with_name(BEST)
    return checkpoint_path(stage.folder, stage.config.trainer_cfg.save_name, int(which))


def _refuse(options: RunOptions) -> None:
    if options.init_from is not None:
        raise ConfigError(
            "--init-from is for a single training; in a recipe, each stage has its own init",
            hint="-o STAGE.init=FILE",
        )
    if options.resume and options.overwrite:
        raise ConfigError(
            "--resume and --overwrite exclude each other: --resume continues, --overwrite starts again"
        )
