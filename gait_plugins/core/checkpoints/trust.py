"""Trust in weights: whether a model may say who somebody is, by what its checkpoint tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from gait_plugins.core.checkpoints.compare import compare_weights, first_of
from gait_plugins.core.checkpoints.files import Checkpoint
from gait_plugins.errors import CheckpointError, GaitPluginsError
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager

_MEAN, _VARIANCE = "running_mean", "running_var"


class Trust(NamedTuple):
    """What speaks against a model that is to name people."""

    refusals: tuple[str, ...] = ()
    """Why it may name nobody."""
    warnings: tuple[str, ...] = ()
    """What whoever reads the names must know."""

    def require(self, where: str) -> None:
        """See that the model may name people.

        Raises:
            CheckpointError: it may not; names every reason.
        """
        if self.refusals:
            raise CheckpointError(
                f"this model may name nobody: {'; '.join(self.refusals)}",
                where=where,
                hint="give the checkpoint of a whole training with --checkpoint FILE; gait-plugins embed "
                "writes the embeddings of any model",
            )


def trust_in(model: nn.Module, checkpoint: Checkpoint) -> Trust:
    """Tell whether a model may name people.

    Args:
        model: with the weights that it took from the checkpoint.
        checkpoint: where they come from; empty for a model without weights.
    """
    refusals = [f"its weights are stand-ins: {reason}" for reason in stand_ins(model)]
    if checkpoint:
        refusals += _untaken(model, checkpoint)
        if _is_random(checkpoint):
            refusals.append("its weights are random: they were never trained")
    made_up = synthetic_sets(checkpoint.get("config"))
    warnings = [
        f"the model was trained on synthetic people ({', '.join(made_up)}): how well it tells real people "
        "apart is not known, and the names below prove nothing"
    ]
    return Trust(tuple(refusals), tuple(warnings if made_up else ()))


def stand_ins(model: nn.Module) -> Iterator[str]:
    """What a model, or its parts, stand in for: see ``GaitModel.stand_in``."""
    found = (getattr(module, "stand_in", "") for module in model.modules())
    yield from dict.fromkeys(reason for reason in found if isinstance(reason, str) and reason)


def _untaken(model: nn.Module, checkpoint: Checkpoint) -> Iterator[str]:
    # The head for other identities is no part of the embedding.
    report = compare_weights(model, checkpoint["model"]).without_head()
    untaken = [*report.missing, *(mismatch.key for mismatch in report.mismatched)]
    if untaken:
        yield (
            f"its weights are partly restored, the others are random: {len(untaken)} of {report.own} are not "
            f"in the checkpoint ({first_of(untaken)})"
        )


def _is_random(checkpoint: Checkpoint) -> bool:
    steps = checkpoint.get("iteration")
    if isinstance(steps, int) and steps > 0:
        return False
    if steps == 0 and "config" in checkpoint:  # the start of a training of ours
        records = checkpoint.get("init")
        taken = records if isinstance(records, list) else []
        return not any(isinstance(record, Mapping) and record.get("part") == "" for record in taken)
    return _untouched(checkpoint["model"])


def _untouched(weights: Mapping[str, Any]) -> bool:
    """True where the norms have never seen a batch: their statistics are those that they begin with."""
    found = False
    for key, value in weights.items():
        for ending, first in ((_MEAN, 0.0), (_VARIANCE, 1.0)):
            if key.rpartition(".")[2] == ending and isinstance(value, torch.Tensor):
                found = True
                if bool((value != first).any()):
                    return False
    return found


def synthetic_sets(config: Any) -> list[str]:
    """Data sets of made-up people that a configuration trains on, also below others."""
    section = config.get("data_cfg") if isinstance(config, Mapping) else None
    return list(dict.fromkeys(_below(section))) if isinstance(section, Mapping) else []


def _below(section: Mapping[str, Any]) -> Iterator[str]:
    name = section.get(KINDS["dataset"].key)
    if isinstance(name, str):
        try:
            if getattr(default_manager().get("dataset", name), "synthetic", False):
                yield name
        except GaitPluginsError:
            pass  # of a package that is not installed here: nothing is known
    for value in section.values():
        if isinstance(value, Mapping):
            yield from _below(value)
