"""Printable names: what comes from data is shown with its control characters spelt out.

The name of a folder, or of a person in a list, may hold anything: escape sequences that recolour a terminal
or retitle its window, marks that turn the order of letters around, line breaks, bytes that are no UTF-8.
Whatever leaves the program as text goes through here. Nothing is changed of the names themselves.
"""

from __future__ import annotations

import json
import logging
import sys
import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"
"""Of zero width, and parts of words in Persian, in the languages of India, and in emoji."""


def printable(name: object) -> str:
    """A name as one line: control characters, line breaks, invisible marks and stray bytes are spelt out.

    ``\\x1b`` is the escape character, ``\\udce9`` the byte 0xE9 where it is no UTF-8.
    """
    return _spelt_out(str(name), "")


def printable_text(text: str) -> str:
    """Text of several lines; as :func:`printable`, with its line breaks kept."""
    return _spelt_out(text, "\n")


def megabytes(size: int) -> str:
    """A number of bytes in words: ``12.3 MB``."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def json_text(value: Any, indent: int | None = None, *, allow_nan: bool = True) -> str:
    """JSON in which letters stay as they are, and what is not printable is escaped; ``json.loads`` undoes it.

    Args:
        value: plain data.
        indent: as ``json.dumps`` takes it.
        allow_nan: False where a number that is not finite is a ``ValueError``.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=allow_nan)
    if _is_plain(text):
        return text
    before = ["", *text]
    return "".join(
        c if c == "\n" or _is_shown(c, last) else _json_escape(c)
        for last, c in zip(before, text, strict=False)
    )


def say(text: object, *, error: bool = False) -> None:
    """Print a text with :func:`printable_text`; letters that the terminal lacks are spelt out too."""
    stream = sys.stderr if error else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = printable_text(str(text)).encode(encoding, "backslashreplace").decode(encoding)
    print(shown, file=stream, flush=error)


def say_json(value: Any, indent: int = 2) -> None:
    """Print data as JSON that is ASCII, whatever the terminal's encoding."""
    print(json.dumps(value, indent=indent).replace("\x7f", "\\u007f"))


class PrintableFormatter(logging.Formatter):
    """A formatter of log records that spells out what is not printable."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return printable_text(super().format(record))


def _spelt_out(text: str, kept: str) -> str:
    if _is_plain(text) and (kept or "\n" not in text):
        return text
    before = ["", *text]
    return "".join(
        c if c in kept or _is_shown(c, last) else _escape(c) for last, c in zip(before, text, strict=False)
    )


def _is_plain(text: str) -> bool:
    return text.replace("\n", "").isprintable()


def _is_shown(character: str, before: str) -> bool:
    if character in _JOINERS:  # between letters of such a script
        return not before.isascii() and before not in _JOINERS
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _json_escape(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"
