"""Start of a training of the host: weights of other trainings (``init``), parts that are not trained."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from torch import nn

from gait_plugins.api import GaitModel
from gait_plugins.config.sections import Init
from gait_plugins.core.checkpoints import partial
from gait_plugins.errors import ConfigError

log = logging.getLogger("gait_plugins")


@dataclass
class Start:
    """``init``, ``freeze`` and ``frozen_mode`` of ``trainer_cfg``, for one model of the host."""

    parts: list[partial.Part]
    frozen: list[str]
    mode: str = "eval"
    begun: bool = False
    """Whether the model has got them."""

    def begin(self, model: Any) -> None:
        """Freeze parts of a network that has just been initialised, and load weights.

        A training that goes on from a checkpoint of its own takes no others.

        Raises:
            ConfigError, CheckpointError: as our own trainer does.
        """
        network = component_of(model)
        partial.freeze(network, self.frozen)
        self.begun = True
        if not model.cfgs["trainer_cfg"]["restore_hint"]:
            parts = partial.wanted(network, self.parts)
            for part in parts:
                partial.load_part(network, part)
            partial.warn_of_untrained_parts(network, parts)
            for part in partial.absent(network, self.parts):
                log.info("%s has no part %r: no weights are taken", type(network).__name__, part.target)

    def keep(self, model: Any) -> None:
        """After a switch to train mode: frozen parts keep their statistics."""
        if self.mode == "eval":
            partial.keep_in_eval_mode(component_of(model), self.frozen)


def start_of(section: Mapping[str, Any]) -> Start | None:
    """What ``trainer_cfg`` says; None where it says nothing.

    Raises:
        ConfigError: it is no valid setting, or weights are given twice.
    """
    init = _valid("init", Init, section.get("init"))
    frozen = _valid("freeze", list[str], section.get("freeze") or [])
    mode = section.get("frozen_mode", "eval")
    if mode not in ("eval", "train"):
        raise ConfigError(f"unknown mode {mode!r}", where="trainer_cfg.frozen_mode", hint="eval or train")
    whole = section.get("restore_hint")
    if init and isinstance(whole, str):
        raise ConfigError(
            f"weights are given twice: by {whole} and by trainer_cfg.init",
            where="trainer_cfg.init",
            hint="give one file for the whole model, or files for its parts, not both",
        )
    return Start(partial.parts_of(init), frozen, mode) if init or frozen else None


def _valid(key: str, kind: Any, value: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"{value!r} is not valid: {first['msg']}",
            where=f"trainer_cfg.{key}",
            hint=f"gait-plugins config explain trainer_cfg.{key}",
        ) from error


def component_of(model: Any) -> GaitModel:
    """The component behind a hosted model; a model of the host's own, as if it were one."""
    known = getattr(model, "component", None)
    if isinstance(known, GaitModel):
        return known
    made: Callable[[Any], Any] = type(type(model).__name__, (_Network,), {})
    return cast("GaitModel", made(model))


class _Network:
    """A network of the host where a component is expected."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.num_classes = class_number(cast("Any", module).cfgs["model_cfg"])

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_module"], name)

    def check_init(self, part: str, checkpoint: Mapping[str, Any]) -> None:
        """The host's models have nothing to say about files."""


def class_number(value: Any) -> int | None:
    """The one ``class_num`` of a ``model_cfg``; None where there is none, or several differ."""
    found = set(_named("class_num", value))
    return found.pop() if len(found) == 1 else None


def _named(name: str, value: Any) -> Iterator[int]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == name and isinstance(item, int):
                yield item
            yield from _named(name, item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _named(name, item)
