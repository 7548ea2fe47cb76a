"""Optimisers and schedules: classes of torch by name, and the arguments they accept."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gait_plugins.config.options import signature
from gait_plugins.config.options.signature import Signature
from gait_plugins.registry.components import import_target
from gait_plugins.suggest import did_you_mean

_FAMILIES = {
    "solver": ("torch.optim", "Optimizer", "params"),
    "scheduler": ("torch.optim.lr_scheduler", "LRScheduler", "optimizer"),
}
"""YAML key -> module, base class, the argument that the engine supplies."""

_OWN = {"scheduler": {"ReduceLROnPlateau": "gait_plugins.nn.schedules:ReduceLROnPlateau"}}
"""YAML key -> classes that stand in for torch's of the same name, which needs a figure to step."""


class Found(NamedTuple):
    """A class of torch and what it accepts from YAML."""

    name: str
    title: str
    cls: type
    accepts: Signature


class NotFound(NamedTuple):
    """No such class, in words."""

    message: str
    hint: str | None


def find(key: str, name: str) -> Found | NotFound:
    """The class that ``solver`` or ``scheduler`` names."""
    module_name, _, supplied = _FAMILIES[key]
    found = classes(key)
    if name in found:
        import torch

        accepts = signature.of_class(found[name]).without(supplied)
        return Found(name, f"{name} (torch {torch.__version__})", found[name], accepts)
    hint = did_you_mean(name, found, 3) or f"available: {', '.join(found)}"
    return NotFound(
        f"{module_name} has no class {name!r} that training can use (its step() must need no argument)", hint
    )


def ignored_options(key: str, found: Found) -> dict[str, str]:
    """Options of the other classes that ``found`` does not have -> why they have no effect with it."""
    supplied = _FAMILIES[key][2]
    known = {option for cls in classes(key).values() for option in signature.of_class(cls).params}
    return {
        option: f"{found.title} has no such option"
        for option in known - {supplied}
        if option not in found.accepts.params
    }


def odd_numbers(key: str, name: str, options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Options that torch takes without a word, and trains to NaN by: each with what it is and should be."""
    found = find(key, name)
    known = found.accepts.params if isinstance(found, Found) else {}
    for option, value in options.items():
        usual = known[option].default if option in known else None
        expected = [text for number in numbers(value) if (text := _expected(number, usual))]
        if expected:
            yield option, f"{value}, expected {expected[0]}"


def numbers(value: Any) -> Iterator[float]:
    """Every number in a value or a list of values."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _expected(number: float, usual: Any) -> str | None:
    """What a number should be, None where it is so. Torch's own default says whether it may be negative."""
    if not math.isfinite(number):
        return "a finite number"
    return None if number >= 0 or any(n < 0 for n in numbers(usual)) else "a number of 0 or more"


def classes(key: str) -> dict[str, type]:
    """All classes that ``solver`` or ``scheduler`` may name."""
    module_name, base_name, _ = _FAMILIES[key]
    module = importlib.import_module(module_name)
    base = getattr(module, base_name)
    own = {name: import_target(target) for name, target in _OWN.get(key, {}).items()}
    return {
        name: value
        for name, value in sorted({**vars(module), **own}.items())
        if inspect.isclass(value)
        and issubclass(value, base)
        and value is not base
        and name[0] != "_"
        and _steps_alone(value)
    }


def _steps_alone(cls: Any) -> bool:
    """True where ``step()`` needs no argument: not a closure, as LBFGS, nor a figure to watch."""
    parameters = list(inspect.signature(cls.step).parameters.values())[1:]
    return all(p.default is not inspect.Parameter.empty for p in parameters)
