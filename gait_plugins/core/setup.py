"""Setup: building model, losses and batches from a configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import nn

from gait_plugins.api import (
    BatchSampler,
    EmbeddingSet,
    FrameSampler,
    GaitDataset,
    GaitModel,
    Loss,
    Protocol,
    SequenceIndex,
    Transform,
)
from gait_plugins.config import ComponentSpec, Config
from gait_plugins.config.plain import flat_settings
from gait_plugins.core.blame import blamed
from gait_plugins.core.held_out import HeldOut, split, unscorable
from gait_plugins.core.loader import BatchMaker, HostBatch, frame_channels, frame_size
from gait_plugins.core.order import seed_step
from gait_plugins.errors import ConfigError, DataError

Phase = Literal["train", "validation", "test"]

log = logging.getLogger("gait_plugins")


def build_model(config: Config) -> GaitModel:
    """The model with freshly drawn weights, the same in every process."""
    seed_step(config.trainer_cfg.seed, 0, 0)
    model = cast(GaitModel, config.model_cfg.build())
    model.init_parameters()
    return model


def on_meta(make: Callable[[], GaitModel]) -> GaitModel:
    """A model as names and shapes alone, without memory for its weights."""
    with torch.device("meta"):
        return make()


def build_losses(config: Config) -> dict[str, Loss]:
    """``log_prefix`` -> loss."""
    return {spec.log_prefix: cast(Loss, spec.component.build()) for spec in config.loss_cfg}


def build_protocol(config: Config) -> Protocol:
    """The evaluation protocol."""
    return cast(Protocol, config.evaluator_cfg.protocol.build())


def build_dataset(config: Config) -> GaitDataset:
    """The data set."""
    return cast(GaitDataset, config.data_cfg.dataset.build())


def build_batches(config: Config, dataset: GaitDataset, phase: Phase) -> BatchMaker:
    """What makes the batches of a phase; the data is checked to be able to fill one, and to be scored.

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
        dataset = HeldOut(dataset, refs)
    index = SequenceIndex(refs)
    if not len(index):
        raise DataError(
            f"there is no {phase} sequence",
            where=config.data_cfg.dataset.where,
            hint="gait-plugins data check shows what is missing",
        )
    maker = batch_maker(config, dataset, index, phase)
    log.info("%s: %d sequences of %d identities", phase, len(index), len(index.identities))
    if len(index.identities) == 1:
        log.warning("%s: the set has one identity: at least two are needed to compare people", phase)
    if phase != "train":
        build_conditions(config, len(maker.transforms))
    if phase == "test":
        _check_scorable(config, dataset, index)
    elif phase == "validation":
        try:
            _check_scorable(config, dataset, index)
        except DataError as error:
            raise unscorable(error, refs) from error
    return maker


def scored_phases(config: Config) -> tuple[Phase, ...]:
    """What a training scores: first what follows every checkpoint, then what only its end does."""
    section = config.trainer_cfg
    if config.data_cfg.validation is not None:
        return ("validation", "test") if section.with_test else ("validation",)
    # What the tests say decides on more than a report where a best checkpoint is kept.
    return ("test",) if section.with_test or section.keep_best or section.early_stopping else ()


def _check_scorable(config: Config, dataset: GaitDataset, index: SequenceIndex) -> None:
    nothing = np.empty((len(index), 0, 0), np.float32)
    protocol = build_protocol(config)
    with blamed(protocol):
        protocol.check(embedding_set(config, dataset, index, nothing))


def batch_maker(config: Config, dataset: GaitDataset, index: SequenceIndex, phase: Phase) -> BatchMaker:
    """What makes the batches of these sequences as those of a phase are made.

    Raises:
        ConfigError: the sampler cannot draw its batches from them.
    """
    section = config.trainer_cfg if phase == "train" else config.evaluator_cfg
    sampler = cast(BatchSampler, section.sampler.batch.build())
    sampler.check(index)
    return BatchMaker(
        dataset=dataset,
        index=index,
        batch_sampler=sampler,
        frame_sampler=cast(FrameSampler, section.sampler.frames.build()),
        transforms=build_transforms(section.transform),
        seed=config.trainer_cfg.seed,
        # A test finds the same whatever the size of its batches.
        by_sequence=phase != "train",
    )


def embedding_set(
    config: Config,
    dataset: GaitDataset,
    index: SequenceIndex,
    embeddings: np.ndarray,
    outputs: Mapping[str, np.ndarray] | None = None,
    targets: Mapping[str, np.ndarray] | None = None,
) -> EmbeddingSet:
    """What a protocol is given: embeddings ``[n, c, p]`` and what is known of their sequences."""
    return EmbeddingSet(
        embeddings=embeddings,
        labels=np.array([ref.label for ref in index.refs]),
        types=np.array([ref.type for ref in index.refs]),
        views=np.array([ref.view for ref in index.refs]),
        dataset_name=config.data_cfg.test_dataset_name,
        probe_set=dataset.probe_set(),
        outputs=outputs or {},
        targets=targets or {},
    )


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
        with blamed(loss):
            loss.check_batch(labels)


def tell_of_idle_classes(model: GaitModel, index: SequenceIndex, options: Mapping[str, Any]) -> None:
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


def check_frames(model: GaitModel, batch: HostBatch) -> None:
    """See that a model takes frames of this size and number of channels.

    Raises:
        ConfigError: it does not; the message names both.
    """
    found, taken = frame_channels(batch), model.frame_channels
    if taken not in (None, found):
        raise ConfigError(
            f"the frames have {_channels(found)}, {type(model).__name__} takes {taken}",
            where=batch.names[0],
            hint=f"choose other frames by data_cfg.data_in_use, or a model for {_channels(found)}: many "
            "models have an option for this (gait-plugins config explain MODEL)",
        )
    model.check_input_size(*frame_size(batch))


def _channels(number: int) -> str:
    return "1 channel" if number == 1 else f"{number} channels"


def count_parameters(module: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def build_conditions(config: Config, inputs: int) -> dict[str, list[Transform | None]]:
    """Test condition -> its transforms, one for each of ``inputs`` input sources.

    Raises:
        ConfigError: a condition has another number of them, or one that cannot be built.
    """
    found = {}
    for name, specs in config.evaluator_cfg.conditions.items():
        found[name] = build_transforms(specs)
        if len(specs) != inputs:
            raise ConfigError(
                f"the condition has {len(specs)} transforms, the test has {inputs} input sources",
                where=f"evaluator_cfg.conditions.{name}",
                hint="give one transform, or null, for each input source",
            )
    return found


def build_transforms(specs: Sequence[ComponentSpec | None]) -> list[Transform | None]:
    """One transform, or None, for each input source."""
    return [None if spec is None else cast(Transform, spec.build()) for spec in specs]
