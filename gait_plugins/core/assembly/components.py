"""Components of a run, built from its configuration: model, losses, protocol, data set, transforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

import numpy as np
import torch

from gait_plugins.api import (
    EmbeddingSet,
    GaitDataset,
    GaitModel,
    Loss,
    Protocol,
    SequenceIndex,
    Transform,
)
from gait_plugins.config import ComponentSpec, Config
from gait_plugins.core.data.seeding import seed_step
from gait_plugins.errors import ConfigError, GaitPluginsError

Phase = Literal["train", "validation", "test"]


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


def model_outline(config: Config) -> GaitModel:
    """The model as names and shapes alone, or whole where it looks at its weights while it is made."""
    try:
        return on_meta(config.model_cfg.build)
    except (NotImplementedError, GaitPluginsError):
        model: GaitModel = config.model_cfg.build()
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


def build_transforms(specs: Sequence[ComponentSpec | None]) -> list[Transform | None]:
    """One transform, or None, for each input source."""
    return [None if spec is None else cast(Transform, spec.build()) for spec in specs]


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
