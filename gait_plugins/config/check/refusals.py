"""Refusals of components: what their constructors say to options of the right types."""

from __future__ import annotations

from collections.abc import Iterable

from gait_plugins.config.class_count import counted
from gait_plugins.config.problems import Problem
from gait_plugins.config.specs import ComponentSpec
from gait_plugins.errors import ConfigError

TRIED = frozenset(
    {"model", "loss", "transform", "joint_transform", "batch_sampler", "frame_sampler", "protocol"}
)
"""Kinds that are built without reading anything, and in no time: a model without memory for its weights."""


def refusals(specs: Iterable[ComponentSpec]) -> list[Problem]:
    """What is refused when each is built once; those that are nested in another are built with it."""
    import torch

    known = list(specs)
    nested = {id(inner) for spec in known for inner in spec.walk() if inner is not spec}
    found = []
    for spec in (spec for spec in known if spec.kind in TRIED and id(spec) not in nested):
        try:
            with torch.device("meta" if spec.kind == "model" else "cpu"):
                counted(spec, lambda name: 2).build()
        except ConfigError as error:
            if not isinstance(error.__cause__, NotImplementedError):  # it looks at its weights as it is made
                found.append(Problem(error.message, error.where, error.hint, error))
    return found
