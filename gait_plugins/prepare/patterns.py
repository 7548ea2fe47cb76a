"""Path patterns: identity, condition and view in a file's path (``{id}/{type}-{view}/{frame}.png``)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from string import Formatter
from typing import NamedTuple

from gait_plugins.errors import ConfigError
from gait_plugins.io.folders import is_hidden

FRAME = "frame"
NUMBER = "number"
"""Field of templates: the position of a sequence among its identity's, from 1."""
_PARTS = re.compile(r"\{([A-Za-z_]\w*)\}|(\*\*/)|(\*)|([{}])|([^{}*]+)")
_FIELD = re.compile(r"\{([A-Za-z_]\w*)\}")


class Name(NamedTuple):
    """Identity, condition and view of a sequence: its folders in the prepared data."""

    id: str
    type: str
    view: str

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True)
class Rule:
    """How a relative path names its sequence.

    A field takes as much as it can within one folder's name: ``{type}-{view}`` reads ``nm-01-090`` as
    ``nm-01`` and ``090``. ``*`` stands for anything in a name, ``**/`` for any folders.

    Args:
        pattern: path below the source with fields; one with ``{frame}`` names single images, one
            without it a video a sequence. A pattern that ends in ``{frame}`` takes every kind of image.
            Backslashes are taken for slashes, and a leading ``./`` or ``/`` for the source itself.
        id, type, view: templates over the pattern's fields (``{id}train``), or fixed texts.

    Raises:
        ConfigError: the pattern or a template cannot be used; says why.
    """

    pattern: str
    id: str = "{id}"
    type: str = "{type}"
    view: str = "{view}"
    fields: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", self.pattern.replace("\\", "/").removeprefix("./").lstrip("/"))
        names = [match[1] for match in _FIELD.finditer(self.pattern)]
        object.__setattr__(self, "fields", frozenset(names))
        if len(set(names)) < len(names):
            raise _wrong(self.pattern, "a field occurs twice")
        _ = self._regex
        for part in Name._fields:
            self._check_template(part, getattr(self, part))

    @property
    def of_videos(self) -> bool:
        """True where each file that fits is a video of one sequence."""
        return FRAME not in self.fields

    @property
    def names_folders(self) -> bool:
        """True where the pattern names a folder, in full or in part; False where all are fields."""
        return any(char.isalpha() for char in _FIELD.sub("", self.pattern.rpartition("/")[0]))

    def name(self, path: str) -> Name | None:
        """The sequence that a relative path (with forward slashes) belongs to; None: it does not fit.

        ``{number}`` is left as it is, for whoever knows all sequences.
        """
        match = self._regex.fullmatch(path)
        if match is None:
            return None
        values = {**match.groupdict(), NUMBER: f"{{{NUMBER}}}"}
        return Name(*(getattr(self, part).format_map(values) for part in Name._fields))

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        made = ""
        for name, folders, star, brace, text in _PARTS.findall(self.pattern):
            if brace:
                raise _wrong(self.pattern, f"unmatched {brace!r}")
            made += f"(?P<{name}>[^/]+)" if name else ""
            made += "(?:[^/]+/)*" if folders else "[^/]*" if star else re.escape(text)
        return re.compile(made)

    def _check_template(self, part: str, template: str) -> None:
        try:
            used = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
        except ValueError as error:
            raise _wrong(template, str(error)) from error
        missing = used - self.fields - {NUMBER} | used & {FRAME}
        if missing:
            absent = ", ".join(f"{{{name}}}" for name in sorted(missing))
            raise ConfigError(
                f"the pattern {self.pattern!r} has no field {absent}, but --{part} {template!r} uses it",
                where="data prepare",
                hint=f"add it to the pattern, or give a fixed text: --{part} TEXT",
            )
        if not template or "/" in template or "\\" in template or is_hidden(template):
            raise ConfigError(
                f"--{part} {template!r} cannot be the name of a folder",
                where="data prepare",
                hint="give a text without slashes that does not start with a dot",
            )


def _wrong(pattern: str, why: str) -> ConfigError:
    return ConfigError(
        f"{pattern!r} is not a valid pattern: {why}",
        where="data prepare",
        hint="write it like '{id}/{type}-{view}/{frame}.png' for images, '{id}/{type}-{view}.mp4' for videos",
    )
