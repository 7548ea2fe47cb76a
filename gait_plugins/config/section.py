"""Section of a configuration: a mapping with declared keys, and what all sections have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from gait_plugins.config.plain import to_plain

Count = Annotated[int, Field(ge=1)]
PART: dict[str, Any] = {"part": True}
"""Marks what is no key of the section itself: a component, or what is known of the file."""


class Section(BaseModel):
    """A mapping with declared keys; any other key belongs to the section's component or is an error."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())
    ignored_options: ClassVar[Mapping[str, str]] = {}
    """Keys that OpenGait's own files write and that have no effect -> why; a warning, no error."""

    def plain(self) -> dict[str, Any]:
        """The keys of the section itself that were written or have a default, as YAML holds them."""
        own = [name for name, field in type(self).model_fields.items() if field.json_schema_extra != PART]
        return {name: _plain(getattr(self, name)) for name in own if name in self.model_fields_set}


def _plain(value: Any) -> Any:
    return value.plain() if isinstance(value, Section) else to_plain(value)
