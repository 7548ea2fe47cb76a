"""The trainer: one loop, top to bottom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from gait_plugins.api import Job, Results, Run
from gait_plugins.config import Config
from gait_plugins.core.data.host_batch import Divider, HostBatch
from gait_plugins.core.data.loader import batches
from gait_plugins.core.data.seeding import seed_step
from gait_plugins.core.runs.folder import run_log
from gait_plugins.core.runtime.devices import with_all_processes
from gait_plugins.core.runtime.interrupts import Interrupts
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.runtime.pace import Pace
from gait_plugins.core.runtime.precision import in_words
from gait_plugins.core.train.final_test import final_test_is_due, run_final_test
from gait_plugins.core.train.first_batches import FrameCheck, calibrate
from gait_plugins.core.train.state import Training
from gait_plugins.core.train.unused_parameters import unused_named
from gait_plugins.errors import NonFiniteLoss
from gait_plugins.io.printable import printable
from gait_plugins.nn.collectives import mean_over_ranks, on_any_rank
from gait_plugins.registry.lifecycle import Lifecycle
from gait_plugins.registry.manager import pin_plugins

log = logging.getLogger("gait_plugins")

IMAGES_SHOWN = 16
T = TypeVar("T")


@with_all_processes()
def train(config: Config, options: RunOptions | None = None) -> Results | None:
    """Train as configured.

    Returns:
        The results of the last test, or else of the last validation, on the first rank; None without either.

    Raises:
        GaitPluginsError: the configuration, the data or a checkpoint is wrong, or a loss is not finite.
        KeyboardInterrupt: Ctrl-C, after the step under way was finished and saved.
    """
    options = options or RunOptions()
    lifecycle = pin_plugins(config.plugins).lifecycle
    training = Training(config, options)
    section, fabric, run = config.trainer_cfg, training.fabric, training.run
    divide = Divider(training.maker.transforms, training.maker.taken.streams, training.maker.joint)
    results: Results | None = None
    stop = stopped = False
    check = FrameCheck(training)
    numbers = range(run.first_step, section.total_iter)
    stream = batches(training.maker, numbers, workers=config.data_cfg.num_workers, pin=training.on_gpu)
    with (
        lifecycle.during(run),
        run_log(run.folder, options.log_to_file and run.is_main),
        Interrupts() as interrupts,
        closing(stream),
        Job("train", max(run.first_step, section.total_iter), "step", done=run.first_step) as job,
    ):
        _begin(training, options)
        scored = partial(_scored, training, interrupts, options)
        if training.owes_a_test:
            results = _told(lifecycle, run, run.first_step, scored(training.test, run.first_step))
        training.train_mode()
        calibrate(training, divide, check)
        pace = Pace(run.first_step, section.total_iter)
        for batch in () if training.enough else stream:
            step = batch.number + 1
            seed_step(section.seed, step, fabric.global_rank)
            check(batch)

            # forward, backward, update
            with unused_named(training.raw):
                loss, figures, images = training.forward(batch, divide, step)
                broken, stop = on_any_rank(not loss.isfinite(), interrupts.requested)
                if broken:
                    raise _not_finite(loss, figures, step, batch)
                training.update(loss, step)

            # report to the hooks
            metrics: Mapping[str, Any] = {}
            if step % section.log_iter == 0:
                training.require_folder(step)
                metrics = _metrics(training, loss, figures, images)
                log.info("step %d/%d  %s  %s", step, run.total_steps, _in_words(metrics), pace.told(step))
            lifecycle.step_end(run, step, metrics)
            job.advance(**{"loss": metrics["scalar/loss"]} if metrics else {})

            # save, test
            if step % section.save_iter == 0 or step == section.total_iter or stop:
                with pace.aside():
                    lifecycle.checkpoint_saved(run, training.save(step), step)
                    if training.is_scored and not stop:
                        results = _told(lifecycle, run, step, scored(training.test, step))
                (stopped,) = on_any_rank(run.stopped)
            if stop or stopped or training.enough:
                break
        if stop or interrupts.requested:
            raise _interrupted(options)
        if not stopped and final_test_is_due(training):
            results = _told(lifecycle, run, *scored(run_final_test, training))
    return results


def _begin(training: Training, options: RunOptions) -> None:
    section = training.config.trainer_cfg
    for monitor in options.monitors:
        training.run.attach(monitor)
    log.info("%s", in_words(training.fabric, section.precision, section.enable_float16))


def _interrupted(options: RunOptions) -> KeyboardInterrupt:
    if options.go_on:
        log.info("to go on: %s", options.go_on)
    return KeyboardInterrupt()


def _scored(
    training: Training, interrupts: Interrupts, options: RunOptions, test: Callable[[Any], T], given: Any
) -> T:
    """A test. The step is saved, so Ctrl-C ends it at once, unless other processes would wait for it."""
    if training.fabric.world_size > 1:
        return test(given)
    try:
        with interrupts.at_once():
            return test(given)
    except KeyboardInterrupt:
        raise _interrupted(options) from None


def _told(lifecycle: Lifecycle, run: Run, step: int, results: Results | None) -> Results | None:
    if results is not None:
        lifecycle.evaluated(run, step, results)
    return results


def _not_finite(loss: Tensor, figures: Mapping[str, Tensor], step: int, batch: HostBatch) -> NonFiniteLoss:
    terms = [name for name, value in figures.items() if not torch.isfinite(value)]
    return NonFiniteLoss(
        f"the loss is {loss.item()} at step {step}; "
        f"non-finite terms: {', '.join(terms) or 'those of another process'}\n"
        f"  sequences of the batch: {', '.join(map(printable, batch.names))}",
        hint="the last checkpoint is untouched; try a lower learning rate, a warm-up or "
        "trainer_cfg.precision=32-true",
    )


def _metrics(
    training: Training, loss: Tensor, figures: Mapping[str, Tensor], images: Mapping[str, Tensor]
) -> dict[str, Any]:
    metrics: dict[str, Any] = {"scalar/loss": float(mean_over_ranks(loss))}
    metrics |= {name: float(mean_over_ranks(value)) for name, value in figures.items()}
    if training.step.norm is not None:
        metrics["scalar/gradient_norm"] = float(training.step.norm)
    metrics["scalar/learning_rate"] = float(training.optimizer.param_groups[0]["lr"])
    for name, value in images.items():
        metrics[name] = value[:IMAGES_SHOWN].detach().float().cpu().numpy()
    return metrics


def _in_words(metrics: Mapping[str, Any]) -> str:
    scalars = {k.removeprefix("scalar/"): v for k, v in metrics.items() if k.startswith("scalar/")}
    return "  ".join(f"{name} {value:.4g}" for name, value in scalars.items())
