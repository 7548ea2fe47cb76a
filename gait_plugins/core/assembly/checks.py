"""Checks of the parts of a run against each other, before the first step: classes, losses, frames, probes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from gait_plugins.api import (
    GaitDataset,
    GaitModel,
    JointTransform,
    Loss,
    SequenceIndex,
    Stream,
    Transform,
)
from gait_plugins.config import Config
from gait_plugins.config.plain import flat_settings
from gait_plugins.core.assembly.components import (
    build_conditions,
    build_joint_transforms,
    build_protocol,
    build_transforms,
    embedding_set,
)
from gait_plugins.core.data.host_batch import (
    HostBatch,
    frame_channels,
    frame_dtypes,
    frame_shapes,
    frame_size,
)
from gait_plugins.core.data.loader import BatchMaker
from gait_plugins.core.data.streams import Taken, take
from gait_plugins.core.runtime.component_errors import errors_of
from gait_plugins.errors import ConfigError

log = logging.getLogger("gait_plugins")


def check_trainable(model: GaitModel, index: SequenceIndex) -> None:
    """Check that there are parameters to train, and a class for each training identity.

    Raises:
        ConfigError: the model has no trainable parameter, or too few classes.
    """
    if not count_parameters(model):
        raise ConfigError(
            f"{type(model).__name__} has no trainable parameter",
            where="model_cfg",
            hint="gait-plugins test scores this model without training",
        )
    if model.num_classes is not None and model.num_classes < len(index.identities):
        raise ConfigError(
            f"the model's classifier is for {model.num_classes} identities, "
            f"the training set has {len(index.identities)}",
            where="model_cfg",
            hint=f"set the model's class_num to {len(index.identities)}",
        )


def check_losses(losses: Mapping[str, Loss], maker: BatchMaker) -> None:
    """See that the losses can learn from batches as the first one is drawn; no frame is read.

    Raises:
        GaitPluginsError: the error that the first step would end with.
    """
    labels = torch.from_numpy(maker.index.classes[maker.drawn(0)])
    for loss in losses.values():
        with errors_of(loss):
            loss.check_batch(labels)


def warn_of_unused_classes(model: GaitModel, index: SequenceIndex, options: Mapping[str, Any]) -> None:
    """Warn of a classifier for more identities than are trained on; it learns to exclude the others.

    Args:
        model: the model.
        index: the training sequences.
        options: those of ``model_cfg``, to name the one that sets the number.
    """
    classes, identities = model.num_classes, len(index.identities)
    if classes is None or classes <= identities:
        return
    numbers = {path: value for path, value in flat_settings(options).items() if value == classes}
    said = [path for path in numbers if "class" in path.rpartition(".")[2]]
    advice = " ".join(f"-o model_cfg.{path}={identities}" for path in said)
    log.warning(
        "the model's classifier is for %d identities, the training set has %d: %s",
        classes,
        identities,
        advice or f"set the model's class_num to {identities}",
    )


def describe_streams(config: Config, dataset: GaitDataset, model: GaitModel) -> list[tuple[str, str]]:
    """The streams of a run, each with a line of what it is; compared as a training compares them.

    Raises:
        ConfigError: the data lack a stream that the model takes, or transforms do not fit.
    """
    given, wanted = dataset.streams(), model.streams
    if given is None and wanted is None:
        return []
    taken = take(given, wanted, config.data_cfg.clocks, config.data_cfg.dataset.where, config.model_cfg.name)
    for name, section in (("trainer_cfg", config.trainer_cfg), ("evaluator_cfg", config.evaluator_cfg)):
        transforms = build_transforms(section.transform, taken.names, f"{name}.transform")
        joint = build_joint_transforms(section.joint_transform, taken, f"{name}.joint_transform")
        check_streams(config, taken, wanted, joint, transforms)
    build_conditions(config, len(taken.names), taken.names)
    rows = [(f"stream {s.name}", s.summary.partition(": ")[2]) for s in taken.streams or ()]
    left = [s.name for s in given or () if s.name not in taken.names]
    return rows + ([("not taken", ", ".join(left))] if left else [])


def check_streams(
    config: Config,
    taken: Taken,
    wanted: tuple[Stream, ...] | None,
    joint: Sequence[JointTransform],
    transforms: Sequence[Transform | None],
) -> None:
    """See that a model takes what its streams are after the transforms, as far as these say it.

    No frame is read for it.

    Raises:
        ConfigError: it does not; names stream, transform and both frames.
    """
    if taken.streams is None or wanted is None:
        return
    known: dict[str, Stream | None] = {stream.name: stream for stream in taken.streams}
    for each in joint:
        with errors_of(each):
            given = {name: stream for name in each.streams if (stream := known[name]) is not None}
            known |= each.becomes(given) if len(given) == len(each.streams) else dict.fromkeys(each.streams)
    for want, transform in zip(wanted, transforms, strict=True):
        stream = known[want.name]
        if stream is not None and transform is not None:
            with errors_of(transform):
                stream = transform.becomes(stream)
        misfit = None if stream is None else want.misfit(stream)
        if misfit is not None:
            after = "" if transform is None else f" after {type(transform).__name__}"
            raise ConfigError(
                f"{config.model_cfg.name} takes another stream {want.name!r}: the data{after} give {misfit}",
                where=config.model_cfg.where,
                hint=want.about or "choose other data, another transform or another model",
            )


def check_frames(model: GaitModel, batch: HostBatch) -> None:
    """See that a model takes frames of these shapes.

    Raises:
        ConfigError: it does not; the message names both.
    """
    if model.streams is not None:
        _check_declared(model, model.streams, batch)
        return
    found, taken = frame_channels(batch), model.frame_channels
    if taken not in (None, found):
        raise ConfigError(
            f"the frames have {_channels(found)}, {type(model).__name__} takes {taken}",
            where=batch.names[0],
            hint=f"choose other frames by data_cfg.data_in_use, or a model for {_channels(found)}: many "
            "models have an option for this (gait-plugins config explain MODEL)",
        )
    model.check_input_size(*frame_size(batch))


def _check_declared(model: GaitModel, wanted: tuple[Stream, ...], batch: HostBatch) -> None:
    shapes, dtypes = frame_shapes(batch), frame_dtypes(batch)
    if len(shapes) != len(wanted):
        raise ConfigError(
            f"{type(model).__name__} takes {len(wanted)} streams ({', '.join(s.name for s in wanted)}), "
            f"the data give {len(shapes)}",
            where=batch.names[0],
            hint="choose them by data_cfg.streams or data_cfg.data_in_use",
        )
    for want, shape, dtype in zip(wanted, shapes, dtypes, strict=True):
        misfit = want.misfit(Stream(want.name, shape, dtype))
        if misfit is not None:
            raise ConfigError(
                f"{type(model).__name__} takes another stream {want.name!r}: found {misfit}",
                where=batch.names[0],
                hint=want.about or "choose other data or another transform",
            )
    first = wanted[0]
    if tuple(first.shape[-2:]) == ("h", "w"):
        model.check_input_size(*frame_size(batch))


def _channels(number: int) -> str:
    return "1 channel" if number == 1 else f"{number} channels"


def check_scorable(config: Config, dataset: GaitDataset, index: SequenceIndex) -> None:
    """See that the protocol can score these sequences, before any is embedded.

    Raises:
        DataError: the protocol cannot.
    """
    nothing = np.empty((len(index), 0, 0), np.float32)
    protocol = build_protocol(config)
    with errors_of(protocol):
        protocol.check(embedding_set(config, dataset, index, nothing))


def count_parameters(module: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
