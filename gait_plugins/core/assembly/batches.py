"""Batch makers of a phase (training, validation, test): its sequences, samplers and transforms."""

from __future__ import annotations

import logging
from typing import cast

from gait_plugins.api import (
    BatchSampler,
    FrameSampler,
    GaitDataset,
    SequenceIndex,
    Stream,
)
from gait_plugins.config import Config
from gait_plugins.core.assembly.checks import check_scorable, check_streams
from gait_plugins.core.assembly.components import (
    Phase,
    build_conditions,
    build_joint_transforms,
    build_transforms,
)
from gait_plugins.core.data.classes import Classes
from gait_plugins.core.data.loader import BatchMaker
from gait_plugins.core.data.streams import take
from gait_plugins.core.data.validation_split import HeldOutDataset, split, unscorable_error
from gait_plugins.errors import DataError

log = logging.getLogger("gait_plugins")


def build_batches(
    config: Config, dataset: GaitDataset, phase: Phase, wanted: tuple[Stream, ...] | None = None
) -> BatchMaker:
    """What makes the batches of a phase; the data is checked to be able to fill one, and to be scored.

    ``wanted`` are the streams that the model takes, where it says so.

    Training identities that ``data_cfg.validation`` holds out are those of the phase ``validation``, which is
    otherwise like a test.

    Raises:
        DataError: there is no sequence, or none that the protocol can score.
        ConfigError: the sampler cannot draw its batches from this data, or no identity can be held out.
    """
    refs = dataset.sequences("test" if phase == "test" else "train")
    if phase != "test":
        trained, held_out = split(refs, config.data_cfg.validation)
        refs = held_out if phase == "validation" else trained
    if phase == "validation":
        dataset = HeldOutDataset(dataset, refs)
    index = SequenceIndex(refs)
    if not len(index):
        raise DataError(
            f"there is no {phase} sequence",
            where=config.data_cfg.dataset.where,
            hint="gait-plugins data check shows what is missing",
        )
    maker = batch_maker(config, dataset, index, phase, wanted)
    log.info("%s: %d sequences of %d identities", phase, len(index), len(index.identities))
    if len(index.identities) == 1:
        log.warning("%s: the set has one identity: at least two are needed to compare people", phase)
    if phase != "train":
        build_conditions(config, len(maker.transforms), maker.taken.names)
    if phase == "test":
        check_scorable(config, dataset, index)
    elif phase == "validation":
        try:
            check_scorable(config, dataset, index)
        except DataError as error:
            raise unscorable_error(error, refs) from error
    return maker


def batch_maker(
    config: Config,
    dataset: GaitDataset,
    index: SequenceIndex,
    phase: Phase,
    wanted: tuple[Stream, ...] | None = None,
    *,
    with_classes: bool = True,
) -> BatchMaker:
    """What makes the batches of these sequences as those of a phase are made.

    Args:
        wanted: the streams that the model takes; None: all that the data set gives.
        with_classes: each sequence has the class that ``data_cfg.classes`` gives it.

    Raises:
        ConfigError: the sampler cannot draw its batches from them, or the data set lacks a stream, or
            transforms are given for other ones.
    """
    section = config.trainer_cfg if phase == "train" else config.evaluator_cfg
    name = "trainer_cfg" if phase == "train" else "evaluator_cfg"
    taken = take(
        dataset.streams(),
        wanted,
        config.data_cfg.clocks,
        config.data_cfg.dataset.where,
        config.model_cfg.name,
    )
    patterns = config.data_cfg.classes if with_classes else None
    classes = Classes(patterns) if patterns else None
    if classes is not None:
        classes.check(index.refs)
    at_test = phase != "train"
    transforms = build_transforms(section.transform, taken.names, f"{name}.transform", at_test=at_test)
    joint = build_joint_transforms(section.joint_transform, taken, f"{name}.joint_transform")
    check_streams(config, taken, wanted, joint, transforms)
    sampler = cast(BatchSampler, section.sampler.batch.build())
    sampler.check(index)
    frames = cast(FrameSampler, section.sampler.frames.build())
    return BatchMaker(
        dataset=dataset,
        index=index,
        batch_sampler=sampler,
        frame_sampler=frames.at_test() if at_test else frames,
        transforms=transforms,
        joint=[each.at_test() for each in joint] if at_test else joint,
        classes=classes,
        taken=taken,
        seed=config.trainer_cfg.seed,
        # A test finds the same whatever the size of its batches.
        by_sequence=at_test,
    )


def scored_phases(config: Config) -> tuple[Phase, ...]:
    """What a training scores: first what follows every checkpoint, then what only its end does."""
    section = config.trainer_cfg
    if config.data_cfg.validation is not None:
        return ("validation", "test") if section.with_test else ("validation",)
    # What the tests say decides on more than a report where a best checkpoint is kept.
    return ("test",) if section.with_test or section.keep_best or section.early_stopping else ()
