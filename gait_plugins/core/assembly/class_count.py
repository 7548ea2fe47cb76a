"""Number of classes, where a configuration leaves it to the data: counted, or read from a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from gait_plugins.api import GaitDataset
from gait_plugins.config import Config
from gait_plugins.core.assembly.components import build_dataset, model_outline
from gait_plugins.core.data.classes import number_of_classes
from gait_plugins.core.data.validation_split import split
from gait_plugins.errors import CheckpointError, DataError

log = logging.getLogger("gait_plugins")


class Counted(NamedTuple):
    """A configuration, with its numbers of classes where they could be counted."""

    config: Config
    number: int | None
    missing: str | None
    """Why they could not; None where they were, or there is none to count."""


def counted(config: Config, dataset: GaitDataset, begun: Mapping[str, Any] | None = None) -> Config:
    """A configuration with the number of classes of its training set wherever it says ``auto``.

    Args:
        config: the configuration.
        dataset: its data set.
        begun: the checkpoint that the training goes on from: it keeps the number that it began with.

    Raises:
        DataError: the training set is not there, or holds nothing.
        ConfigError: no identity can be held out, or a component refuses the number.
    """
    config = config.counted_as((begun or {}).get("config") or {})
    if not config.uncounted:
        return config
    number = class_count(config, dataset)
    kind = "classes of data_cfg.classes" if config.data_cfg.classes else "identities of the training set"
    log.info("%s: %d, the %s", ", ".join(config.uncounted), number, kind)
    return config.counted(lambda name: number)


def class_count(config: Config, dataset: GaitDataset) -> int:
    """How many identities, or classes of ``data_cfg.classes``, are trained; raises as :func:`counted`."""
    refs, _ = split(dataset.sequences("train"), config.data_cfg.validation)
    number = number_of_classes(refs, config.data_cfg.classes)
    if not number:
        raise DataError(
            "there is no train sequence whose identity could be counted",
            where=config.data_cfg.dataset.where,
            hint="gait-plugins data check shows what is missing",
        )
    return number


def counted_if_there(config: Config) -> Counted:
    """As :func:`counted` where the training set is there; else the configuration as it is, and why."""
    if not config.uncounted:
        return Counted(config, None, None)
    try:
        number = class_count(config, build_dataset(config))
    except DataError as error:
        return Counted(config, None, error.message)
    return Counted(config.counted(lambda name: number), number, None)


def counted_by(config: Config, checkpoint: Mapping[str, Any], where: str) -> Config:
    """A configuration with the numbers of classes of a checkpoint wherever it says ``auto``.

    They are those of the checkpoint's own configuration, or those that its weights are shaped by.

    Args:
        config: the configuration.
        checkpoint: ``model``, its weights, and where known ``config``.
        where: the file, for messages.

    Raises:
        CheckpointError: it does not say them.
    """
    then = checkpoint.get("config")
    known = config.counted_as(then) if isinstance(then, Mapping) else config
    if not known.model_uncounted:
        return known
    number = _of_weights(known, checkpoint["model"])
    if number is None:
        names = ", ".join(known.model_uncounted)
        raise CheckpointError(
            f"the checkpoint does not say how many identities it was trained on, and {names} is auto",
            where=where,
            hint=f"write the number: -o {known.model_uncounted[0]}=NUMBER",
        )
    return known.counted(lambda name: number)


def _of_weights(config: Config, weights: Mapping[str, Any]) -> int | None:
    """The size of the axes that grow with the number of classes, where all agree."""
    shapes = []
    for number in (2, 3):
        sizes = dict.fromkeys(config.uncounted, number)
        model = model_outline(config.counted(sizes.get))
        shapes.append({name: tuple(tensor.shape) for name, tensor in model.state_dict().items()})
    found = set()
    for name in shapes[0].keys() & shapes[1].keys() & weights.keys():
        shape = tuple(getattr(weights[name], "shape", ()))
        pairs = zip(shapes[0][name], shapes[1][name], strict=True)
        grown = [i for i, pair in enumerate(pairs) if pair == (2, 3)]
        found |= {shape[i] for i in grown if len(shape) == len(shapes[0][name])}
    return found.pop() if len(found) == 1 else None
