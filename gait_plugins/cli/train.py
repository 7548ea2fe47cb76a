"""``gait-plugins train`` and ``gait-plugins test``."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gait_plugins.api.commands import Fast, Overrides, with_fast
from gait_plugins.errors import ConfigError

if TYPE_CHECKING:
    from gait_plugins.api import Results

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
Devices = Annotated[
    int, typer.Option(min=1, help="Number of processes; torchrun and Slurm set their own number.")
]
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
    from gait_plugins.core.functions import test, train
    from gait_plugins.core.runtime.wording import goes_on_by

    source = _source(config, cfgs)
    if _phase(phase) == "test":
        _tell(
            test(
                source,
                override or (),
                device=device,  # type: ignore[arg-type]  # checked where it is used
                devices=devices,
                stage=stage,
                iteration=iteration,
                log_to_file=log_to_file,
            )
        )
        return
    with goes_on_by(_to_go_on(source, override, stage, device, devices)):
        trained = train(
            source,
            override or (),
            device=device,  # type: ignore[arg-type]
            devices=devices,
            resume=resume,
            allow_changes=allow_changes,
            init_from=init_from,
            drop_head=drop_head,
            overwrite=overwrite,
            stage=stage,
            iteration=iteration,
            log_to_file=log_to_file,
        )
    _tell(trained.results)


def run_test(
    config: Name = None,
    cfgs: Cfgs = None,
    override: Overrides = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Checkpoint file to test; default: the one that CONFIG names."),
    ] = None,
    stage: StageOption = None,
    fast: Fast = False,
    device: DeviceOption = "auto",
    devices: Devices = 1,
    phase: Phase = "test",
    iteration: Iteration = None,
    log_to_file: LogToFile = False,
) -> None:
    """Score a checkpoint by the configured protocol; for a recipe, the checkpoint of its last stage."""
    from gait_plugins.core.functions import test, train

    source, override = _source(config, cfgs), with_fast(override, fast)
    if _phase(phase) == "train":
        if checkpoint is not None:
            raise ConfigError(
                "--checkpoint is for a test, and --phase is train",
                hint="start from its weights: gait-plugins train CONFIG --init-from FILE",
            )
        trained = train(
            source,
            override or (),
            device=device,  # type: ignore[arg-type]  # checked where it is used
            devices=devices,
            stage=stage,
            iteration=iteration,
            log_to_file=log_to_file,
        )
        _tell(trained.results)
        return
    _tell(
        test(
            source,
            override or (),
            checkpoint=checkpoint,
            device=device,  # type: ignore[arg-type]
            devices=devices,
            stage=stage,
            iteration=iteration,
            log_to_file=log_to_file,
        )
    )


def _to_go_on(name: str, overrides: list[str] | None, stage: str | None, device: str, devices: int) -> str:
    """The command that goes on with a training after Ctrl-C."""
    if os.environ.keys() & {"TORCHELASTIC_RUN_ID", "SLURM_PROCID", "NODE_RANK"}:
        return "the same command with --resume"
    words = ["gait-plugins", "train", name]
    words += [word for override in overrides or () for word in ("-o", override)]
    words += ["--stage", stage] if stage else []
    words += ["--device", device] if device != "auto" else []
    words += ["--devices", str(devices)] if devices > 1 else []
    return shlex.join([*words, "--resume"])


def _source(name: str | None, cfgs: str | None) -> str:
    if name is not None and cfgs is None:
        return name
    if cfgs is not None and name is None:
        return cfgs
    raise ConfigError(
        "give one configuration, as an argument or with --cfgs",
        hint="gait-plugins config list shows the shipped ones",
    )


def _phase(phase: str | None) -> Literal["train", "test"]:
    if phase == "train":
        return "train"
    if phase == "test":
        return "test"
    raise ConfigError(f"--phase is {phase!r}, expected train or test")


def _tell(results: Results | None) -> None:
    from gait_plugins.core.evaluate.report import print_results

    if results is not None:
        print_results(results)
