"""Components of a run, built from its configuration: model, losses, protocol, data set, transforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, cast

import numpy as np

from gait_plugins.api import (
    EmbeddingSet,
    GaitDataset,
    GaitModel,
    JointTransform,
    Loss,
    Protocol,
    SequenceIndex,
    Transform,
)
from gait_plugins.config import Config
from gait_plugins.config.outline import without_memory
from gait_plugins.config.specs import ComponentSpec, TransformSpecs
from gait_plugins.core.data.seeding import seed_step
from gait_plugins.core.data.streams import Taken
from gait_plugins.errors import ConfigError, GaitPluginsError
from gait_plugins.suggest import did_you_mean

Phase = Literal["train", "validation", "test"]

STAND_IN = 2
"""Classes of a model that is looked at before anything says how many there are."""


def build_model(config: Config) -> GaitModel:
    """The model with freshly drawn weights, the same in every process."""
    seed_step(config.trainer_cfg.seed, 0, 0)
    model = cast(GaitModel, config.model_cfg.build())
    model.init_parameters()
    return model


def on_meta(make: Callable[[], GaitModel]) -> GaitModel:
    """A model as names and shapes alone, without memory for its weights."""
    with without_memory():
        return make()


def model_outline(config: Config) -> GaitModel:
    """The model as names and shapes alone, or whole where it looks at its weights while it is made.

    Numbers of classes that are not counted yet are taken to be :data:`STAND_IN`.
    """
    spec = config.counted(lambda name: STAND_IN).model_cfg
    try:
        return on_meta(spec.build)
    except (NotImplementedError, GaitPluginsError):
        model: GaitModel = spec.build()
        return model


def build_losses(config: Config) -> dict[str, Loss]:
    """``log_prefix`` -> loss."""
    return {spec.log_prefix: cast(Loss, spec.component.build()) for spec in config.loss_cfg}


def build_protocol(config: Config) -> Protocol:
    """The evaluation protocol."""
    return cast(Protocol, config.evaluator_cfg.protocol.build())


def build_dataset(config: Config) -> GaitDataset:
    """The data set."""
    return cast(GaitDataset, config.data_cfg.dataset.build())


def build_transforms(
    specs: TransformSpecs, names: tuple[str, ...] = (), where: str = "transform", *, at_test: bool = False
) -> list[Transform | None]:
    """One transform, or None, for each input.

    Args:
        specs: as configured: in the order of the inputs, or by the names of streams.
        names: of the inputs, where they are known.
        where: the setting, for messages.
        at_test: as a test has them.

    Raises:
        ConfigError: there is one for a stream that is no input, or another number of them than of inputs.
    """
    found = _in_order(specs, names, where)
    return [None if each is None else each.at_test() for each in found] if at_test else found


def _in_order(specs: TransformSpecs, names: tuple[str, ...], where: str) -> list[Transform | None]:
    if specs.streams is None:
        if names and len(specs) != len(names):
            raise ConfigError(
                f"there are {len(specs)} transforms for {len(names)} inputs: {', '.join(names)}",
                where=where,
                hint=f"give one, or null, for each, or name them: {where}: {{{names[0]}: {{type: ...}}}}",
            )
        return [_transform(spec) for spec in specs]
    for name in specs.streams:
        if name not in names:
            raise ConfigError(
                f"a transform is given for the stream {name!r}, but the inputs are "
                f"{', '.join(names) or 'not named'}",
                where=where,
                hint=did_you_mean(name, names, also="data_cfg.streams names the streams of files"),
            )
    by_name = dict(zip(specs.streams, specs, strict=True))
    return [_transform(by_name.get(name)) for name in names]


def build_joint_transforms(specs: list[ComponentSpec], taken: Taken, where: str) -> list[JointTransform]:
    """The transforms of several streams.

    Raises:
        ConfigError: one asks for a stream that is no input.
    """
    found = [cast(JointTransform, spec.build()) for spec in specs]
    for spec, joint in zip(specs, found, strict=True):
        absent = [name for name in joint.streams if name not in taken.names]
        if absent:
            raise ConfigError(
                f"{spec.name} changes {', '.join(joint.streams)}, but the inputs are "
                f"{', '.join(taken.names) or 'not named'}: missing is {', '.join(absent)}",
                where=spec.where or where,
                hint=did_you_mean(
                    absent[0],
                    taken.names,
                    also="name its streams by its options, or give the data a stream of "
                    "that name (data_cfg.streams)",
                ),
            )
    return found


def build_conditions(
    config: Config, inputs: int, names: tuple[str, ...] = ()
) -> dict[str, list[Transform | None]]:
    """Test condition -> its transforms, one for each of ``inputs`` inputs.

    Raises:
        ConfigError: a condition has another number of them, or one that cannot be built.
    """
    found = {}
    for name, specs in config.evaluator_cfg.conditions.items():
        where = f"evaluator_cfg.conditions.{name}"
        found[name] = build_transforms(specs, names if specs.streams is not None else (), where, at_test=True)
        if len(found[name]) != inputs:
            raise ConfigError(
                f"the condition has {len(specs)} transforms, the test has {inputs} input sources",
                where=where,
                hint="give one transform, or null, for each input source",
            )
    return found


def _transform(spec: ComponentSpec | None) -> Transform | None:
    return None if spec is None else cast(Transform, spec.build())


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
        labels=index.table.column(0),
        types=index.table.column(1),
        views=index.table.column(2),
        dataset_name=config.data_cfg.test_dataset_name,
        probe_set=dataset.probe_set(),
        outputs=outputs or {},
        targets=targets or {},
        class_names=tuple(config.data_cfg.classes),
    )
