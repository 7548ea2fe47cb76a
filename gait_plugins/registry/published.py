"""Published checkpoints that plugins tell of: name, package, and where the file lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gait_plugins.api.weights.published import PublishedCheckpoint
from gait_plugins.errors import PluginLoadError
from gait_plugins.registry.components import Owner

HOOK = "gait_checkpoints"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)+", re.ASCII)
"""With a slash, so that it is no ``best`` and no stage of a recipe."""
_FILES = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")


@dataclass(frozen=True)
class NamedCheckpoint:
    """A published checkpoint of one package, by the name that it is asked for."""

    name: str
    """With a slash: ``trackletgait/gait3d``."""
    published: PublishedCheckpoint
    owner: Owner

    @property
    def qualified(self) -> str:
        """The name with its package before it, which always names this one alone."""
        return f"{self.owner.distribution}/{self.name}"

    def is_called(self, name: str) -> bool:
        """True for its own and its qualified name; case does not count."""
        return name.lower() in (self.name.lower(), self.qualified.lower())

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        told = self.published
        return {
            "name": self.name,
            "address": str(told.address),
            "bytes": told.bytes,
            "sha256": told.sha256,
            "licence": told.licence,
            "config": told.config,
            "figure": told.figure,
            "note": told.note,
            "package": self.owner.distribution,
            "version": self.owner.version,
        }


def checkpoints_from(value: object, owner: Owner) -> list[NamedCheckpoint]:
    """The checkpoints that a ``gait_checkpoints`` hook has returned.

    Raises:
        PluginLoadError: the value has another shape than ``{"group/name": PublishedCheckpoint(...)}``.
    """
    if not isinstance(value, Mapping):
        raise _bad_value(owner, value)
    found = []
    for name, told in value.items():
        if not _is_name(name) or not isinstance(told, PublishedCheckpoint):
            raise _bad_value(owner, {name: told})
        found.append(NamedCheckpoint(name, told, owner))
    return found


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None and not name.endswith(_FILES)


def _bad_value(owner: Owner, value: object) -> PluginLoadError:
    return PluginLoadError(
        f"{HOOK} of {owner.module} ({owner}) returned {value!r}, expected a mapping of names with a slash, "
        "as trackletgait/gait3d -> PublishedCheckpoint"
    )
