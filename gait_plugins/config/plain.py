"""Plain data: from validated values, for the run folder; and as settings by their dotted names."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from gait_plugins.config.specs import ComponentSpec, Structure, realise


def to_plain(value: Any) -> Any:
    """A value as YAML can hold it."""
    if isinstance(value, ComponentSpec):
        return value.mapping()
    if isinstance(value, Structure):
        return to_plain(realise(value))
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return to_plain(value.value)
    return str(value) if isinstance(value, PurePath) else value


def flat_settings(value: Any, path: str = "") -> dict[str, Any]:
    """Dotted names, as ``-o`` takes them, to the settings at the end of them."""
    if isinstance(value, Mapping) and value:
        items: Iterator[tuple[Any, Any]] = iter(value.items())
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        items = enumerate(value)
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for key, item in items:
        found.update(flat_settings(item, f"{path}.{key}" if path else str(key)))
    return found
