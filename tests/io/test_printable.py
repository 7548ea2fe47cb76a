"""Names from data as text: nothing of them commands a terminal, forges a line, or becomes a formula."""

from __future__ import annotations

import csv
import io
import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gait_plugins.io.printable import PrintableFormatter, json_text, printable, printable_text, say, say_json
from gait_plugins.io.tables import csv_rows, csv_text

SPELT = {
    "\x1b[31mred": r"\x1b[31mred",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "two\nlines\r": r"two\nlines\r",
    "\x7f\x85\x9b": r"\x7f\x85\x9b",
    "Ren\udce9": r"Ren\udce9",
    "\ud800": r"\ud800",
    "\u202eright to left": r"\u202eright to left",
    "\u2066isolated\u2069": r"\u2066isolated\u2069",
    "zero\u200bwidth\ufeff": r"zero\u200bwidth\ufeff",
    "joined\u200d": r"joined\u200d",
    "line\u2028end": r"line\u2028end",
    "\U000e0041tag": r"\U000e0041tag",
}
KEPT = ["001", "René", "王", "Łukasz Ż.", "back\\slash", "[red]", "a b\u00a0c"]
KEPT += ["\u0645\u06cc\u200c\u062e\u0648\u0627", "👨\u200d👩"]
ANY = st.text(st.characters(exclude_categories=()), max_size=20)


@pytest.mark.parametrize("name", SPELT, ids=ascii)
def test_what_is_not_printable_is_spelt_out(name: str) -> None:
    assert printable(name) == SPELT[name]


@pytest.mark.parametrize("name", KEPT)
def test_letters_of_every_script_stay(name: str) -> None:
    assert printable(name) == name


def test_text_keeps_its_own_line_breaks() -> None:
    assert printable_text("one\n  two\x1b\n") == "one\n  two\\x1b\n"


@given(ANY)
def test_printable_text_can_always_be_encoded_and_holds_no_control(name: str) -> None:
    shown = printable(name)
    shown.encode()
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert printable(shown) == shown


@given(ANY)
def test_json_is_printable_and_gives_the_name_back(name: str) -> None:
    text = json_text({name: [name, 1.5, None]}, 1)
    assert json.loads(text.encode()) == {name: [name, 1.5, None]}
    assert printable_text(text) == text


@given(st.lists(ANY, min_size=1, max_size=4))
def test_a_table_holds_no_formula_and_gives_the_text_back(row: list[str]) -> None:
    text = csv_text([row])
    assert csv_rows(text) == [row]
    text.encode()
    assert printable_text(text) == text
    cells = next(csv.reader(io.StringIO(text)))
    assert not any(cell.startswith(("=", "@", "\t", "\r")) for cell in cells)
    assert all(float(cell) is not None for cell in cells if cell.startswith(("+", "-")))


@pytest.mark.parametrize("name", ["=1+1", "+A1", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "'=1"])
def test_formulas_begin_with_an_apostrophe(name: str) -> None:
    assert csv_text([[name]]).lstrip('"').startswith("'")
    assert csv_rows(csv_text([[name]])) == [[name]]


def test_numbers_stay_numbers() -> None:
    assert csv_text([["-1.5", -1.5, "+7", "-1e-3", 3, "-030"]]) == "-1.5,-1.5,+7,-1e-3,3,-030\n"


def test_a_log_record_is_spelt_out() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s is odd", ("\x1b[2J",), None)
    assert PrintableFormatter().format(record) == r"\x1b[2J is odd"


def test_a_terminal_without_a_letter_gets_it_spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    say("René \x1b")
    say_json({"name": "René\x7f\udce9"})
    sys.stdout.flush()
    written = sys.stdout.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert written.startswith("Ren\\xe9 \\x1b\n")
    assert json.loads(written.partition("\n")[2]) == {"name": "René\x7f\udce9"}
