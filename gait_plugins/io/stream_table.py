"""Descriptions of the streams of a packed data file, as JSON text, checked before anything goes by them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

MOST_AXES = 6
"""Of an array that is kept as its bytes."""
_COLUMNS = (["frames"], ["values", "offsets"])
_DECLARED = ("name", "shape", "dtype", "low", "high", "clock", "about", "kind")
_FORMS = {"offsets": b"<i8", "times": b"<f8"}


def read_streams(text: str, forms: np.ndarray) -> list[dict[str, Any]]:
    """The streams of a file, and the forms of its arrays found to fit them.

    Args:
        text: JSON: a description of each stream, see :mod:`gait_plugins.io.dataset_file`.
        forms: structured ``[n, k]``: dtype, rank and shape of each array of each sequence.

    Raises:
        ValueError: the text is something else, or does not fit the arrays.
    """
    kept = forms["dtype"] != b""
    numbers = all(_is_dtype(name.decode()) for name in np.unique(forms["dtype"][kept]))
    ranks = forms["rank"]
    if not numbers or (ranks > MOST_AXES).any() or (ranks[kept] < 1).any() or (forms["shape"] < 0).any():
        raise ValueError("the forms of its arrays hold impossible values")
    try:
        streams = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError("the description of its streams cannot be read") from error
    if not isinstance(streams, list) or not all(isinstance(stream, dict) for stream in streams):
        raise ValueError("the description of its streams is no list of mappings")
    for number, stream in enumerate(streams):
        problem = _odd_columns(stream) or odd_declaration(stream)
        if problem is not None:
            raise ValueError(f"the description of its stream number {number + 1} {problem}")
    names = [stream["name"] for stream in streams if "name" in stream]
    if len(names) not in (0, len(streams)) or len(set(names)) < len(names):
        raise ValueError(f"its streams need a name of their own each, or none has one: found {names}")
    columns = [name for stream in streams for name in stream["columns"]]
    if not columns or len(columns) != forms.shape[1]:
        raise ValueError("the description of its streams does not fit its records")
    for place, name in enumerate(columns):
        form = forms[:, place]
        if name in _FORMS and not ((form["dtype"] == _FORMS[name]) & (form["rank"] == 1)).all():
            raise ValueError(
                f"the description of its streams names an array {name!r} that holds other values"
            )
    return streams


def odd_declaration(stream: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a stream's description: None where it is well, or nothing is declared.

    Args:
        stream: as JSON holds it, with the ``columns`` that it has.
    """
    if "name" not in stream:
        return None
    absent = [key for key in _DECLARED if key not in stream]
    if absent:
        return f"lacks {', '.join(absent)}"
    for key in ("name", "about", "kind"):
        if not isinstance(stream[key], str):
            return f"has {key} {stream[key]!r}, expected text"
    shape, clock = stream["shape"], stream["clock"]
    if not isinstance(shape, list) or not all(map(_is_axis, shape)) or None in shape[1:]:
        return f"has shape {shape!r}, expected a list of sizes and letters, or null first"
    if (shape[:1] == [None]) != (stream["columns"][0] == "values"):
        return f"has shape {shape!r} and the arrays {stream['columns']}, which do not go together"
    if not _is_dtype(stream["dtype"]):
        return f"has dtype {stream['dtype']!r}, expected numpy's name of one of numbers"
    for key in ("low", "high"):
        limit = stream[key]
        if limit is not None and not (_is_number(limit) and -math.inf <= limit <= math.inf):
            return f"has {key} {stream[key]!r}, expected a number or null"
    if not (clock is None or isinstance(clock, str) or (_is_number(clock) and 0 < clock < math.inf)):
        return f"has clock {clock!r}, expected frames per second, the name of a stream, or null"
    return None


def _odd_columns(stream: Mapping[str, Any]) -> str | None:
    columns = stream.get("columns")
    known = [*_COLUMNS, *([*frames, "times"] for frames in _COLUMNS if "name" in stream)]
    return None if columns in known else f"has the arrays {columns!r}, expected one of {known}"


def _is_axis(axis: object) -> bool:
    return axis is None or isinstance(axis, str) or (type(axis) is int and axis > 0)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_dtype(name: object) -> bool:
    try:
        return isinstance(name, str) and np.dtype(name).kind in "biuf"
    except (TypeError, ValueError, SyntaxError):  # of names that are like nothing of numpy's
        return False
