"""``gait-plugins train`` and ``gait-plugins test``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gait_plugins.api.commands import Overrides
from gait_plugins.errors import ConfigError

if TYPE_CHECKING:
    from gait_plugins.api import Results
    from gait_plugins.config import Config
    from gait_plugins.config.recipe.model import RecipeConfig
    from gait_plugins.core.runtime.options import RunOptions

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="CONFIG", help="Path of a YAML file, or name of a shipped configuration or recipe."
    ),
]
StageOption = Annotated[
    str | None, typer.Option("--stage", metavar="NAME", help="Run this stage of a recipe only.")
]
Cfgs = Annotated[str | None, typer.Option("--cfgs", help="Same as CONFIG, in OpenGait's spelling.")]
DeviceOption = Annotated[str, typer.Option(help="Device to compute on: auto, cpu, cuda or mps.")]
Devices = Annotated[int, typer.Option(min=1, help="Number of processes; torchrun sets its own number.")]
LogToFile = Annotated[
    bool, typer.Option("--log-to-file", "--log_to_file", help="Also write the log to the run folder.")
]
Phase = Annotated[str | None, typer.Option(help="train or test; OpenGait's spelling of the command.")]
Iteration = Annotated[
    int | None, typer.Option("--iter", min=0, help="Resume from, or test, the checkpoint of this iteration.")
]


def run_train(
    config: Name = None,
    cfgs: Cfgs = None,
    override: Overrides = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last checkpoint of the run.")
    ] = False,
    allow_changes: Annotated[
        bool,
        typer.Option(
            "--allow-changes",
            help="Go on with other settings than the checkpoint was trained by; changes.json records them.",
        ),
    ] = False,
    init_from: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Start from the weights of this checkpoint.")
    ] = None,
    drop_head: Annotated[
        bool,
        typer.Option(
            "--drop-head", help="With --init-from: leave out a classifier for another number of identities."
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remove the files of an earlier run first.")
    ] = False,
    stage: StageOption = None,
    device: DeviceOption = "auto",
    devices: Devices = 1,
    phase: Phase = "train",
    iteration: Iteration = None,
    log_to_file: LogToFile = False,
) -> None:
    """Train the model of a configuration, or the unfinished stages of a recipe."""
    chosen = _phase(phase)
    loaded = _load(config, cfgs, override, iteration, stage)
    options = _options(
        device=device,
        devices=devices,
        resume=resume,
        allow_changes=allow_changes,
        init_from=init_from,
        drop_head=drop_head,
        overwrite=overwrite,
        log_to_file=log_to_file,
    )
    _run(chosen, loaded, options, stage)


def run_test(
    config: Name = None,
    cfgs: Cfgs = None,
    override: Overrides = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Checkpoint file to test; default: the one that CONFIG names."),
    ] = None,
    stage: StageOption = None,
    device: DeviceOption = "auto",
    devices: Devices = 1,
    phase: Phase = "test",
    iteration: Iteration = None,
    log_to_file: LogToFile = False,
) -> None:
    """Score a checkpoint by the configured protocol; for a recipe, the checkpoint of its last stage."""
    chosen = _phase(phase)
    override = list(override or [])
    loaded = _load(config, cfgs, override, iteration, stage, checkpoint)
    options = _options(device=device, devices=devices, log_to_file=log_to_file)
    _run(chosen, loaded, options, stage, checkpoint)


def _load(
    name: str | None,
    cfgs: str | None,
    overrides: list[str] | None,
    iteration: int | None,
    stage: str | None,
    checkpoint: Path | None = None,
) -> Config | RecipeConfig:
    from gait_plugins.config.loading import load_config, open_source
    from gait_plugins.config.yaml.overrides import written

    if (name is None) == (cfgs is None):
        raise ConfigError(
            "give one configuration, as an argument or with --cfgs",
            hint="gait-plugins config list shows the shipped ones",
        )
    overrides = list(overrides or [])
    source = open_source(name or cfgs or "")
    if source.is_recipe:
        from gait_plugins.config.recipe.load import load_recipe

        if iteration is not None:
            raise ConfigError("--iter is not for recipes", hint="use --stage NAME --checkpoint FILE")
        return load_recipe(source, overrides)
    if stage is not None:
        raise ConfigError(
            f"{source.name} is not a recipe: --stage {stage} cannot be used",
            hint="leave out --stage",
        )
    if checkpoint is not None:
        overrides.append(written("evaluator_cfg.restore_hint", str(checkpoint)))
    if iteration is not None:
        # OpenGait's --iter sets both, whatever the phase.
        overrides += [f"{section}.restore_hint={iteration}" for section in ("trainer_cfg", "evaluator_cfg")]
    return load_config(source, overrides=overrides)


def _options(**options: Any) -> RunOptions:
    from gait_plugins.core.runtime.options import RunOptions

    return RunOptions(**options)


def _phase(phase: str | None) -> Literal["train", "test"]:
    if phase == "train":
        return "train"
    if phase == "test":
        return "test"
    raise ConfigError(f"--phase is {phase!r}, expected train or test")


def _run(
    phase: Literal["train", "test"],
    loaded: Config | RecipeConfig,
    options: RunOptions,
    stage: str | None = None,
    checkpoint: Path | None = None,
) -> Results | None:
    from gait_plugins.config import Config
    from gait_plugins.core.evaluate.report import print_results

    if isinstance(loaded, Config):
        results = _run_one(phase, loaded, options)
    else:
        results = _run_recipe(phase, loaded, options, stage, checkpoint)
    if results is not None:
        print_results(results)
    return results


def _run_one(phase: Literal["train", "test"], config: Config, options: RunOptions) -> Results | None:
    if phase == "train":
        from gait_plugins.core.train.loop import train

        return train(config, options)
    from gait_plugins.core.evaluate.score import score

    return score(config, options)


def _run_recipe(
    phase: Literal["train", "test"],
    recipe: RecipeConfig,
    options: RunOptions,
    stage: str | None,
    checkpoint: Path | None,
) -> Results | None:
    from gait_plugins.core.recipes.run import score_recipe, train_recipe

    if phase == "train":
        return train_recipe(recipe, options, stage)
    return score_recipe(recipe, options, stage, checkpoint)
