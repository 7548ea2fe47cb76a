"""Scoring of a checkpoint by the configured protocol: ``gait-plugins test``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from lightning_fabric import Fabric

from gait_plugins.api import GaitModel, Results, Run
from gait_plugins.config import Config
from gait_plugins.core.assembly.batches import build_batches
from gait_plugins.core.assembly.class_count import counted_by
from gait_plugins.core.assembly.components import build_dataset, build_model, model_outline
from gait_plugins.core.checkpoints.files import (
    BEST,
    Checkpoint,
    checkpoint_path,
    compare_plugins,
    load_checkpoint,
    read_checkpoint,
    restore_model,
)
from gait_plugins.core.checkpoints.frames import trained_frames
from gait_plugins.core.evaluate.infer import evaluate
from gait_plugins.core.evaluate.report import in_words, write_results
from gait_plugins.core.runs.changes import data_record
from gait_plugins.core.runs.folder import describe_run, provenance_of, run_folder, run_log
from gait_plugins.core.runs.hosts import (
    read_by_first,
    require_same,
    require_same_settings,
)
from gait_plugins.core.runs.presence import Presence
from gait_plugins.core.runtime.devices import make_fabric, with_all_processes
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.runtime.precision import float16_of_tests, precision_of, precision_of_tests
from gait_plugins.core.weights.lookup import published_for
from gait_plugins.registry.manager import pin_plugins

_FOLDER_LOST = "to test again, name the checkpoint where it lies now: --checkpoint FILE"


@with_all_processes()
def score(config: Config, options: RunOptions | None = None) -> Results | None:
    """Score the checkpoint that ``evaluator_cfg.restore_hint`` names: an iteration or a file.

    A model without weights (a Gait Energy Image) needs no checkpoint.

    Returns:
        The results on the first rank, None on the others.
    """
    options = options or RunOptions()
    section = config.evaluator_cfg
    fabric = make_fabric(
        options.device,
        options.devices,
        float16=float16_of_tests(section),
        precision=precision_of_tests(section),
    )
    if fabric.is_global_zero:
        config.log_warnings()
    folder = run_folder(config, section.save_name)
    require_same_settings(fabric, config)
    path = tested_checkpoint(config)
    config = counted_by_checkpoint(config, path, fabric)
    model = build_model(config)
    checkpoint = restore_for_test(model, config, path, fabric) if model.state_dict() else {}
    maker = build_batches(config, build_dataset(config), "test", model.streams)
    require_same(
        fabric,
        "test sequences",
        partial(data_record, maker.index.refs),
        "give all hosts the same data set and partition",
    )
    step = int(checkpoint.get("iteration", 0))
    run = Run(
        folder=folder,
        phase="test",
        config=config.data,
        total_steps=0,
        first_step=step,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
        provenance=provenance_of(config),
        model=model,
    )
    if run.is_main:
        world, used = fabric.world_size, precision_of(fabric)
        describe_run(folder / "test", config, dict(run.provenance), processes=world, precision=used)
    lifecycle = pin_plugins(config.plugins).lifecycle
    with lifecycle.during(run), run_log(folder, options.log_to_file and run.is_main):
        results = evaluate(fabric, model.to(fabric.device), config, maker, trained_frames(checkpoint))
        if results is not None:
            presence = Presence(folder, folder / "test" / "config.yaml", None, _FOLDER_LOST)
            with presence.writing(f"the results could not be written: {in_words(results)}"):
                write_results(results, folder, step, section.protocol.name)
            lifecycle.evaluated(run, step, results)
    return results


def tested_checkpoint(config: Config) -> Path:
    """The file that ``evaluator_cfg.restore_hint`` names."""
    section = config.evaluator_cfg
    folder = run_folder(config, section.save_name)
    if section.restore_hint == "best":
        return folder / "checkpoints" / BEST
    if isinstance(section.restore_hint, str):
        return Path(section.restore_hint)
    return checkpoint_path(folder, section.save_name, section.restore_hint)


def counted_by_checkpoint(config: Config, path: Path, fabric: Fabric | None = None) -> Config:
    """A configuration with the numbers of classes of a checkpoint wherever it says ``auto``.

    Raises:
        CheckpointError: the checkpoint cannot be read, or does not say them.
    """
    if not config.model_uncounted:
        return config
    hint, like = _other_than_trained(config) or _train_first(config), model_outline(config).state_dict()
    checkpoint = _read(fabric, lambda: read_checkpoint(path, hint, like=like)[0])
    return counted_by(config, checkpoint, str(path))


def _train_first(config: Config) -> str:
    return f"train first, or give a checkpoint with --checkpoint {published_for(config.source) or 'FILE'}"


def _other_than_trained(config: Config) -> str:
    """What to do where the test names another checkpoint than the training ends with; empty where not."""
    tested, trained = config.evaluator_cfg, config.trainer_cfg
    pairs = [
        ("evaluator_cfg.save_name", tested.save_name, "trainer_cfg.save_name", trained.save_name),
        ("evaluator_cfg.restore_hint", tested.restore_hint, "trainer_cfg.total_iter", trained.total_iter),
    ]
    apart = [
        f"{key} is {own!r} and {other} {value!r}"
        for key, own, other, value in pairs
        if type(own) is type(value) and own != value
    ]
    if not apart:
        return ""
    told = ", ".join(apart)
    return f"{told}: give --checkpoint FILE, or leave these keys of evaluator_cfg out: they follow then"


def restore_for_test(
    model: GaitModel, config: Config, path: Path, fabric: Fabric | None = None
) -> Checkpoint:
    """Load a checkpoint's weights into a model that is to be tested or used.

    Args:
        model: the model.
        config: its configuration.
        path: the file; of several hosts, where ``fabric`` is given, only the first needs it.
        fabric: of the job.

    Raises:
        CheckpointError: it cannot be read, or does not fit.
    """
    hint = _other_than_trained(config) or _train_first(config)
    checkpoint = _read(fabric, lambda: load_checkpoint(path, hint, like=model.state_dict()))
    strict = config.evaluator_cfg.restore_ckpt_strict
    restore_model(model, checkpoint["model"], strict=strict, where=str(path))
    compare_plugins(checkpoint.get("plugins", {}), provenance_of(config), str(path))
    return checkpoint


def _read(fabric: Fabric | None, read: Callable[[], Checkpoint]) -> Checkpoint:
    return read() if fabric is None else read_by_first(fabric, read)
