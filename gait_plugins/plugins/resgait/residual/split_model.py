"""A model in two halves: from a batch to part embeddings, and from those to its outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError

Rest = Callable[[Tensor], ModelOutput]


def halves(model: GaitModel, batch: GaitBatch) -> tuple[Tensor, Rest]:
    """A model's part embeddings ``[n, c, p]``, and what makes its outputs from corrected ones.

    A model that splits its ``forward`` is asked for both. Of any other one the outputs are its own, with
    the corrected embeddings wherever it gives its embeddings.

    Raises:
        ConfigError: it gives to a loss what is neither its embeddings nor labels.
    """
    kind = type(model)
    if kind.part_embeddings is not GaitModel.part_embeddings or kind.outputs is not GaitModel.outputs:
        return model.part_embeddings(batch), lambda embeddings: model.outputs(embeddings, batch)
    output: ModelOutput = model(batch)
    own = output["inference_feat"]["embeddings"]
    if others := [name for name, value in _features(output) if value is not own]:
        raise no_parts(model, f"its losses get {', '.join(others)}, which are not its embeddings")
    return own, lambda embeddings: _corrected(output, own, embeddings)


def no_parts(model: GaitModel, reason: str) -> ConfigError:
    """There is nothing to correct between the halves of a model's forward."""
    name = type(model).__name__
    return ConfigError(
        f"{name} does not provide its part embeddings: {reason}",
        where="gse",
        hint=f"define {name}.part_embeddings(batch) and {name}.outputs(embeddings, batch), "
        "the two halves of its forward",
    )


def _features(output: ModelOutput) -> Iterator[tuple[str, Tensor]]:
    """What losses get that is no label, by its name."""
    for prefix, features in output["training_feat"].items():
        named = {prefix: features} if isinstance(features, Tensor) else features
        for name, value in named.items():
            if isinstance(value, Tensor) and value.is_floating_point():
                yield (prefix if value is features else f"{prefix}.{name}"), value


def _corrected(output: ModelOutput, own: Tensor, embeddings: Tensor) -> ModelOutput:
    def exchanged(features: dict[str, Any]) -> dict[str, Any]:
        return {name: embeddings if value is own else value for name, value in features.items()}

    training = {prefix: exchanged(features) for prefix, features in output["training_feat"].items()}
    inference = exchanged(output["inference_feat"])
    return {**output, "training_feat": training, "inference_feat": inference}
