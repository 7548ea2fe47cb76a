"""First batches: frames are checked, and a model that begins is shown some before its first step."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from gait_plugins.api import GaitBatch
from gait_plugins.core.assembly.checks import check_frames
from gait_plugins.core.data.host_batch import Divider, HostBatch, frame_record, frame_shapes, frames_in_words
from gait_plugins.core.data.loader import batches
from gait_plugins.core.data.seeding import seed_step
from gait_plugins.core.runtime.component_errors import errors_of

if TYPE_CHECKING:
    from gait_plugins.core.train.state import Training

log = logging.getLogger("gait_plugins")


class FrameCheck:
    """Looks at the frames of every batch of a training.

    Args:
        training: whose model gets them, and whose checkpoints note their size.
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self._checked: tuple[object, ...] = ()
        self._told_short = False

    def __call__(self, batch: HostBatch) -> None:
        """See once that the model takes frames like these, and note their size for the checkpoints."""
        training = self._training
        if batch.short and not self._told_short:
            log.info("training: %s", batch.short)
            self._told_short = True
        size, like = frame_record(batch), frame_shapes(batch)
        if self._checked == like:
            return
        check_frames(training.raw.model, batch)
        self._checked = like
        if training.input_size is not None and training.input_size != size:
            now, then = frames_in_words(size), frames_in_words(training.input_size)
            log.warning("the frame size changes: frames of %s follow frames of %s", now, then)
        training.input_size = size


def calibrate(training: Training, divide: Divider, check: FrameCheck) -> None:
    """Let a training that begins show its model the first batches.

    Not where the whole model comes from another training: what was set from data is learnt on.
    """
    if training.run.first_step or training.begins_whole:
        return
    section, model = training.config.trainer_cfg, training.raw.model
    seed_step(section.seed, 0, training.fabric.global_rank)
    workers, numbers = training.config.data_cfg.num_workers, range(section.total_iter)
    with (
        closing(batches(training.maker, numbers, workers=workers, pin=training.on_gpu)) as stream,
        errors_of(model),
    ):
        model.calibrate(_shown(training, stream, divide, check))


def _shown(
    training: Training, stream: Iterable[HostBatch], divide: Divider, check: FrameCheck
) -> Iterator[GaitBatch]:
    for batch in stream:
        check(batch)
        yield divide(batch, training.fabric.device)
