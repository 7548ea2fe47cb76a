"""Functions for scripts and notebooks: training, test and scoring as the commands do them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gait_plugins.api import EmbeddingSet, Results
from gait_plugins.config import Config, load_config
from gait_plugins.config.building import build
from gait_plugins.config.loading import open_source
from gait_plugins.config.yaml.overrides import Overrides, texts_of
from gait_plugins.core.checkpoints.files import checkpoint_path, saved_iterations
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runs.folder import run_folder
from gait_plugins.core.runtime.component_errors import errors_of
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.runtime.precision import Device
from gait_plugins.core.runtime.wording import how_to_go_on, in_arguments
from gait_plugins.core.tools.embeddings import Embeddings, read_embeddings
from gait_plugins.core.train.loop import train as train_one
from gait_plugins.errors import ConfigError, DataError

if TYPE_CHECKING:
    from gait_plugins.config.recipe.model import RecipeConfig
    from gait_plugins.core.report.write import Projection

Source = Config | str | os.PathLike[str] | Mapping[str, Any]
"""A configuration: validated, the name of a shipped one or of a recipe, a file, or the sections."""


@dataclass(frozen=True)
class Trained:
    """What a training leaves."""

    folder: Path
    """The run folder."""
    checkpoint: Path
    """The last checkpoint."""
    results: Results | None
    """Of the last test or validation of the training; None where there was none."""


@in_arguments(iter="iteration")
def train(
    config: Source,
    overrides: Overrides = (),
    *,
    device: Device = "auto",
    devices: int = 1,
    resume: bool = False,
    allow_changes: bool = False,
    init_from: str | os.PathLike[str] | None = None,
    drop_head: bool = False,
    overwrite: bool = False,
    stage: str | None = None,
    iteration: int | None = None,
    log_to_file: bool = False,
    monitors: Iterable[object] = (),
) -> Trained:
    """Train a model, or the unfinished stages of a recipe: ``gait-plugins train``.

    Args:
        config: the configuration or recipe.
        overrides: settings over what is written there.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        devices: processes; more than one start the script again for each, so there must be one.
        resume: go on from the last checkpoint of the run folder.
        allow_changes: with other settings than that was trained by.
        init_from: start from the weights of this checkpoint.
        drop_head: of these, leave out a classifier for another number of identities.
        overwrite: remove what an earlier training left in the run folder.
        stage: train this stage of a recipe only.
        iteration: go on from the checkpoint of this iteration.
        log_to_file: write the log to the run folder too. It is the logger ``gait_plugins``; to see it,
            ``logging.basicConfig(level="INFO")``.
        monitors: objects with life-cycle hooks (``@hookimpl``), which hear of this training alone.

    Returns:
        Run folder, last checkpoint and results; of a recipe those of its last stage.

    Raises:
        GaitPluginsError: the configuration, the data or a checkpoint is wrong, or a loss is not finite.
        KeyboardInterrupt: Ctrl-C, after the step under way was finished and saved.
    """
    _check_processes(devices)
    options = RunOptions(
        device=device,
        devices=devices,
        resume=resume,
        allow_changes=allow_changes,
        init_from=None if init_from is None else Path(init_from),
        drop_head=drop_head,
        overwrite=overwrite,
        log_to_file=log_to_file,
        monitors=tuple(monitors),
        go_on=how_to_go_on("gait_plugins.train(..., resume=True)"),
    )
    loaded = _load(config, overrides, stage, iteration)
    if not isinstance(loaded, Config):
        from gait_plugins.core.recipes.run import last_checkpoint, train_recipe

        results = train_recipe(loaded, options, stage)
        last = loaded.stages[-1] if stage is None else loaded[stage]
        return Trained(last.folder, last_checkpoint(last), results)
    results = train_one(loaded, options)
    folder, name = run_folder(loaded, loaded.trainer_cfg.save_name), loaded.trainer_cfg.save_name
    # On other hosts than the first there may be none: this is what the first one calls it.
    step = (saved_iterations(folder, name) or [loaded.trainer_cfg.total_iter])[-1]
    return Trained(folder, checkpoint_path(folder, name, step), results)


@in_arguments(iter="iteration")
def test(
    config: Source,
    overrides: Overrides = (),
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    device: Device = "auto",
    devices: int = 1,
    stage: str | None = None,
    iteration: int | None = None,
    log_to_file: bool = False,
    fast: bool = False,
) -> Results | None:
    """Score a checkpoint by the configured protocol: ``gait-plugins test``.

    Args:
        config: the configuration or recipe.
        overrides: settings over what is written there.
        checkpoint: the file to score; None: the one that the configuration names, of a recipe that of its
            last stage.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        devices: processes.
        stage: score this stage of a recipe.
        iteration: score the checkpoint of this iteration.
        log_to_file: write the log to the run folder too.
        fast: compute by a fused copy of the model, and in 16-bit floats where they are faster
            (``evaluator_cfg.fast``).

    Returns:
        The results; with several processes None on all but the first.

    Raises:
        GaitPluginsError: the configuration, the data or the checkpoint is wrong.
    """
    _check_processes(devices)
    options = RunOptions(device=device, devices=devices, log_to_file=log_to_file)
    file = None if checkpoint is None else Path(checkpoint)
    if fast and isinstance(config, Config):
        config = config.changed("evaluator_cfg", "fast", True)
    elif fast:
        overrides = [*texts_of(overrides), "evaluator_cfg.fast=true"]
    loaded = _load(config, overrides, stage, iteration)
    if not isinstance(loaded, Config):
        from gait_plugins.core.recipes.run import score_recipe

        return score_recipe(loaded, options, stage, file)
    if file is not None:
        loaded = loaded.changed("evaluator_cfg", "restore_hint", str(file))
    return score(loaded, options)


test.__test__ = False  # type: ignore[attr-defined]  # pytest takes an imported name for one of its own


def evaluate(
    embeddings: Embeddings | str | os.PathLike[str],
    protocol: str | Mapping[str, Any] = "evaluate_indoor_dataset",
    *,
    dataset_name: str,
    probe_set: Iterable[str] | None = None,
) -> Results:
    """Score embeddings by a protocol, wherever they come from.

    Args:
        embeddings: of ``Embedder``, or a file of ``gait-plugins embed``.
        protocol: its name, or its name (``eval_func``) with options.
        dataset_name: decides the table of probe and gallery conditions (``CASIA-B``).
        probe_set: ``id-type-view`` of the probes, for protocols that need them listed.

    Raises:
        UnknownComponent: there is no such protocol.
        GaitPluginsError: the sequences do not fit it.
    """
    found = embeddings if isinstance(embeddings, Embeddings) else _read(Path(embeddings))
    scorer = build("protocol", {"eval_func": protocol} if isinstance(protocol, str) else protocol)
    with errors_of(scorer):
        results: Results = scorer.evaluate(
            EmbeddingSet(
                embeddings=found.embeddings,
                labels=found.labels,
                types=found.types,
                views=found.views,
                dataset_name=dataset_name,
                probe_set=None if probe_set is None else frozenset(probe_set),
            )
        )
    return results


def report(
    *runs: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    pictures: str | os.PathLike[str] | None = None,
    tensorboard: bool = False,
    step: int | None = None,
    projection: Projection = "auto",
    embed: bool = True,
    overrides: Overrides = (),
    device: Device = "auto",
) -> Path:
    """Write a page of one run, or of several side by side: ``gait-plugins report``.

    The page holds its style and its pictures, and needs no network. Where a run keeps no embeddings, its test
    set is embedded again, and they are kept in its folder.

    Args:
        runs: run folders.
        out: the page, an .html file; None: ``report.html`` in the first run folder.
        pictures: a folder that gets each picture as SVG and PNG.
        tensorboard: write pictures, embeddings and settings for TensorBoard into ``summary`` of each run too.
        step: the step whose results are shown; None: the last.
        projection: of embeddings: ``pca``, ``umap``, or ``auto``: UMAP where it is installed.
        embed: False leaves out what needs embeddings, where the run keeps none.
        overrides: settings over those of the runs, as ``data_cfg.dataset_root`` for data that were moved.
        device: where to embed.

    Returns:
        The page.

    Raises:
        GaitPluginsError: a folder is no run, or its records cannot be read.
    """
    from gait_plugins.core.report.embedded import Wanted
    from gait_plugins.core.report.write import make_report

    return make_report(
        [Path(run) for run in runs],
        None if out is None else Path(out),
        pictures=None if pictures is None else Path(pictures),
        tensorboard=tensorboard,
        step=step,
        projection=projection,
        wanted=Wanted(embed, tuple(texts_of(overrides)), device),
    )


def _read(file: Path) -> Embeddings:
    if not file.exists():
        raise DataError(
            "there is no such file of embeddings",
            where=str(file),
            hint="gait-plugins embed CONFIG --out FILE.npz writes one; what an Embedder gives is taken too",
        )
    return read_embeddings(file)


def _load(
    config: Source, overrides: Overrides, stage: str | None, iteration: int | None
) -> Config | RecipeConfig:
    texts = texts_of(overrides)
    if isinstance(config, Config):
        if texts:
            raise ConfigError(
                "a configuration that is loaded takes no overrides",
                hint="give them to load_config, or use config.changed(section, key, value)",
            )
        return _of_iteration(_alone(config, stage), iteration)
    if isinstance(config, Mapping):
        return _of_iteration(_alone(load_config(config, texts), stage), iteration)
    source = open_source(config)
    if not source.is_recipe:
        if stage is not None:
            raise _no_recipe(source.name, stage)
        return _of_iteration(load_config(source, texts), iteration)
    if iteration is not None:
        raise ConfigError(
            f"--iter {iteration} is for one training, and {source.name} is a recipe of several",
            hint="name the stage, and for a test the file: --stage NAME --checkpoint FILE",
        )
    from gait_plugins.config.recipe.load import load_recipe  # a plain training knows nothing of recipes

    return load_recipe(source, texts)


def _of_iteration(config: Config, iteration: int | None) -> Config:
    if iteration is None:
        return config
    for section in ("trainer_cfg", "evaluator_cfg"):  # OpenGait's --iter sets both, whatever the phase
        config = config.changed(section, "restore_hint", iteration)
    return config


def _alone(config: Config, stage: str | None) -> Config:
    if stage is not None:
        raise _no_recipe(config.source, stage)
    return config


def _no_recipe(name: str, stage: str) -> ConfigError:
    return ConfigError(f"{name} is not a recipe: --stage {stage} cannot be used", hint="leave out --stage")


def _check_processes(devices: int) -> None:
    if devices < 1:
        raise ConfigError(f"--devices {devices}: expected 1 or more processes", hint="leave out --devices")
    started = getattr(sys.modules["__main__"], "__file__", None)
    if devices > 1 and started is None and "LOCAL_RANK" not in os.environ:
        raise ConfigError(
            f"--devices {devices} starts this program again for each process, but this is no program: a "
            "notebook or an interactive session",
            hint="use one process here, or the command: gait-plugins train CONFIG --devices N",
        )
