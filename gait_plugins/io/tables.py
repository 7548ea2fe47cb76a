"""CSV tables: text that spreadsheets do not take for formulas, and that is printable."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from gait_plugins.io.printable import printable

_QUOTE = "'"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", _QUOTE)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_ESCAPE = re.compile(r"\\(\\|[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV, a line each.

    Numbers stay as they are. Text that a spreadsheet would run as a formula (it begins with ``=``, ``+``,
    ``-`` or ``@``), or that holds control characters or bytes that are no UTF-8, gets an apostrophe before it
    and is escaped: :func:`csv_rows` gives it back.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def csv_rows(text: str) -> list[list[str]]:
    """The rows that :func:`csv_text` was given, every cell as text."""
    return [[_value(cell) for cell in row] for row in csv.reader(io.StringIO(text))]


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    shown = printable(value)
    if shown == value and (not value.startswith(_FORMULA) or _NUMBER.fullmatch(value)):
        return value
    return _QUOTE + printable(value.replace("\\", "\\\\"))


def _value(cell: str) -> str:
    return _ESCAPE.sub(_unescaped, cell[1:]) if cell.startswith(_QUOTE) else cell


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if len(code) == 1:
        return {"\\": "\\", "n": "\n", "r": "\r", "t": "\t"}[code]
    return chr(int(code[1:], 16))
