"""Wording of errors about values: what was found and what was expected."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError

from gait_plugins.config.options.annotations import AUTO, arms, bare, counts_classes, type_text
from gait_plugins.config.options.signature import Param
from gait_plugins.suggest import did_you_mean

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

_READ = {int: "a number", float: "a number", datetime.date: "a date", datetime.datetime: "a time"}


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
    meant = did_you_mean(value, _choices(annotation)) if isinstance(value, str) else ""
    return f"{text}; {meant}" if meant else text


def quoting_hint(error: ValidationError, key: str, place: str | None) -> str | None:
    """What to do where text was expected and YAML read ``02`` as a number, or ``no`` as a boolean.

    Args:
        error: why the value does not fit.
        key: the value's, dotted.
        place: where it was written; an override is spelt out as it should have been typed.
    """
    read = [item["input"] for item in error.errors() if item["type"] == "string_type"]
    if not read or read[0] is None or isinstance(read[0], list | dict):
        return None
    kind = "true or false" if isinstance(read[0], bool) else _READ.get(type(read[0]), "something else")
    said = f"YAML reads this value as {kind}; for text "
    meant = (place or "").partition(f"-o {key}=")[2]
    if not meant:
        return f'{said}put the value in quotes, as "02"'
    text = json.dumps(yaml.load(meant, yaml.BaseLoader), ensure_ascii=False)
    return f"{said}quote the value: -o '{key}={text}'"


def accepted(options: Mapping[str, Param]) -> str:
    """The options with types and defaults, one a line."""
    if not options:
        return "  no options are accepted"
    return "  accepted options:\n" + "\n".join(f"    {param}" for param in options.values())


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
    if counts_classes(annotation):
        found.append(AUTO)
    return found
