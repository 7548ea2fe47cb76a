"""What was found and what would have been right, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from gait_plugins.components import nearest
from gait_plugins.config.annotations import arms, bare, type_text
from gait_plugins.config.signature import Param

_LONGEST = 60
_SAID_BY_TYPE = (
    "_type",
    "_parsing",
    "_schema",
    "missing",
    "literal_error",
    "is_instance_of",
    "int_from_float",
)


def shown(value: Any) -> str:
    """A value and its type, shortened: ``'big' (str)``."""
    text = repr(value)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 3]}..."
    return text if value is None or isinstance(value, bool) else f"{text} ({type(value).__name__})"


def mismatch(value: Any, annotation: Any = None, error: ValidationError | None = None) -> str:
    """``expected float, got 'big' (str)``; the value alone where no annotation is given."""
    if annotation is None:
        return shown(value)
    text = f"expected {type_text(annotation)}, got {shown(value)}"
    reasons = [] if error is None else _reasons(error)
    if reasons:
        text += f" ({'; '.join(reasons)})"
    guesses = nearest(value, _choices(annotation), 1) if isinstance(value, str) else []
    return f"{text}; did you mean {guesses[0]!r}?" if guesses else text


def accepted(options: Mapping[str, Param]) -> str:
    """The options with types and defaults, one a line."""
    if not options:
        return "  it takes no options"
    return "  accepted are:\n" + "\n".join(f"    {param}" for param in options.values())


def listed(names: Iterable[str]) -> str:
    """Names in a row: ``a, b and c``."""
    *most, last = list(names)
    return f"{', '.join(most)} and {last}" if most else last


def _reasons(error: ValidationError) -> list[str]:
    found = []
    for item in error.errors(include_url=False):
        if not item["type"].endswith(_SAID_BY_TYPE):
            reason = item["msg"].removeprefix("Value error, ")
            found.append(reason[:1].lower() + reason[1:])
    return list(dict.fromkeys(found))


def _choices(annotation: Any) -> list[str]:
    found = []
    for arm in arms(bare(annotation)):
        if get_origin(bare(arm)) is Literal:
            found += [value for value in get_args(bare(arm)) if isinstance(value, str)]
    return found
