"""Numbers of classes that are written as ``auto``: which there are, and putting numbers in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gait_plugins.config.specs import ComponentSpec, Structure, Uncounted
from gait_plugins.errors import ConfigError

Number = Callable[[str], int | None]
"""From the name of a setting to its number; None leaves it as it is."""


def uncounted(value: Any) -> list[str]:
    """Names of the settings in a value that still have to be counted, nested components included."""
    if isinstance(value, Uncounted):
        return [value.path]
    if isinstance(value, ComponentSpec):
        return uncounted(value.arguments)
    if isinstance(value, Structure):
        return uncounted(value.values)
    items: Any = value.values() if isinstance(value, Mapping) else value
    nested = isinstance(value, Mapping | list | tuple)
    return [name for item in items for name in uncounted(item)] if nested else []


def counted(spec: ComponentSpec, number: Number) -> ComponentSpec:
    """A component with numbers in place of ``auto``.

    Raises:
        ConfigError: the component refuses the number (its ``check_options``).
    """
    if not uncounted(spec):
        return spec
    pairs = {name: _filled(spec.options[name], value, number) for name, value in spec.arguments.items()}
    options = {**spec.options, **{name: plain for name, (plain, _) in pairs.items()}}
    found = replace(spec, options=options, arguments={name: value for name, (_, value) in pairs.items()})
    cls: Any = spec.component.load()
    if not uncounted(found) and hasattr(cls, "check_options"):
        try:
            cls.check_options(**options)
        except ConfigError as error:
            title = f"{spec.component.name} ({spec.component.owner})"
            raise ConfigError(f"{title} {error.message}", where=spec.where, hint=error.hint) from error
    return found


def _filled(plain: Any, value: Any, number: Number) -> tuple[Any, Any]:
    """A value as plain data and as a constructor takes it, both with the numbers."""
    if not uncounted(value):
        return plain, value
    if isinstance(value, Uncounted):
        known = number(value.path)
        return (plain, value) if known is None else (known, known)
    if isinstance(value, ComponentSpec):
        spec = counted(value, number)
        return spec.mapping(), spec
    if isinstance(value, Structure):
        inner, values = _filled(plain, value.values, number)
        return inner, replace(value, values=values)
    if isinstance(value, Mapping):
        pairs = {key: _filled(plain[key], item, number) for key, item in value.items()}
        return {**plain, **{k: p for k, (p, _) in pairs.items()}}, {k: v for k, (_, v) in pairs.items()}
    items = [_filled(*pair, number) for pair in zip(plain, value, strict=True)]
    return [p for p, _ in items], type(value)(v for _, v in items)
