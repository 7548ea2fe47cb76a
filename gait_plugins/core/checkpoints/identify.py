"""Guesses of the configuration or model that weights belong to, by their names and shapes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from gait_plugins.api import GaitModel
from gait_plugins.config import Config, build, load_config
from gait_plugins.config.yaml.sources import shipped
from gait_plugins.core.assembly.components import STAND_IN, on_meta
from gait_plugins.core.checkpoints.compare import LoadReport, compare_weights
from gait_plugins.errors import GaitPluginsError
from gait_plugins.registry.manager import default_manager

LEAST = 0.5
"""Share of the weights that must match for a guess to be worth telling."""

log = logging.getLogger("gait_plugins")


@dataclass(frozen=True)
class Guess:
    """A configuration, or a model of unknown sizes, that weights may belong to."""

    model: str
    """Name of the component."""
    config: str | None
    """Name of a shipped configuration; None: the model in some other size."""
    matching: int
    """Weights of the same name and shape, the head's of another number of identities among them; of a
    model in another size: of the same name."""
    total: int
    """Weights that the file or the model holds."""
    classes: int | None
    """Identities that the file's head tells apart, where the rest matches."""
    own_classes: int | None
    """Identities that the configuration's model tells apart; None: as many as its data have."""
    exact: bool
    """Every name and shape matches, but for the number of identities."""

    @property
    def share(self) -> float:
        """How much of both matches, in [0, 1]."""
        return self.matching / self.total


def guess_origin(weights: Mapping[str, Any], most: int = 5) -> list[Guess]:
    """The shipped configurations that weights may belong to, the best first, or else registered models.

    Args:
        weights: a state dict.
        most: guesses to return.
    """
    guesses = _of_configurations(weights)
    # What differs in sizes alone is known by its names.
    if not any(guess.exact for guess in guesses):
        guesses += _of_models(weights)
    guesses = [guess for guess in guesses if guess.share >= LEAST]
    # Of data sets that share a model, the number of identities tells which.
    return sorted(guesses, key=lambda g: (not g.exact, g.classes != g.own_classes, -g.share))[:most]


def file_classes(model: GaitModel, report: LoadReport) -> int | None:
    """Identities that the file's head tells apart, where the file is of this model."""
    if report.all_but_head and report.head is not None:
        return report.head.file
    return model.num_classes if report.complete else None


@contextmanager
def quiet() -> Iterator[None]:
    """Log errors only, while something is inspected that the user did not ask for."""
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _of_configurations(weights: Mapping[str, Any]) -> list[Guess]:
    found = []
    for name in shipped():
        try:
            with quiet():  # the user did not ask for these configurations
                config = load_config(name)
                model = on_meta(config.counted(lambda name: STAND_IN).model_cfg.build)
        except GaitPluginsError as error:
            log.warning("%s is left out of the guesses: %s", name, error.message)
            continue
        report = compare_weights(model, weights)
        if report.own:
            found.append(_guess(config, name, model, report))
    return found


def _guess(config: Config, name: str, model: GaitModel, report: LoadReport) -> Guess:
    return Guess(
        model=config.model_cfg.name,
        config=name,
        matching=len(report.fitting) + (len(report.head.keys) if report.head else 0),
        total=report.own + len(report.unexpected),
        classes=file_classes(model, report),
        own_classes=None if config.model_uncounted else model.num_classes,
        exact=report.complete or report.all_but_head,
    )


def _of_models(weights: Mapping[str, Any]) -> list[Guess]:
    found = []
    for component in default_manager().components("model"):
        try:
            cls: Any = component.load()
            options = {"model": component.qualified, **cls.example_config()}
            own = set(on_meta(partial(build, "model", options)).state_dict())
        except GaitPluginsError as error:
            log.warning("%s is left out of the guesses: %s", component.qualified, error.message)
            continue
        common, union = own & set(weights), own | set(weights)
        if union:
            found.append(Guess(component.name, None, len(common), len(union), None, None, False))
    return found
