"""Fills the tables of ``speed.md`` from the figures in ``speed.json``.

python docs/generate_speed.py
python docs/generate_speed.py --take gpu.json --as gpu      (first takes what benchmarks/gpu.py wrote)
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

DOCS = Path(__file__).parent
PAGE = DOCS / "speed.md"
FIGURES = DOCS / "speed.json"
MISSING = "not measured yet"
TAKEN = ("work", "other", "ours", "unit", "least", "most", "holds", "aim")


def tables() -> ModuleType:
    """``benchmarks/tables.py``, which prints the same shape."""
    spec = importlib.util.spec_from_file_location("tables", DOCS.parent / "benchmarks" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("tables", module)  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


def rendered(text: str, figures: dict[str, Any]) -> str:
    """The page with its tables made anew."""
    made = {name: _table(found, figures["machines"]) for name, found in figures["tables"].items()}
    made["tried"] = _tried(figures["tried"])
    for name, table in made.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda m, table=table: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)
    return text


def _table(found: dict[str, Any], machines: dict[str, str]) -> str:
    """A table, and on what, when and by which command it was measured."""
    shape = tables()
    command = f"`{found['command']}`"
    if not found["rows"]:
        return f"{found['empty']} The command is {command}."
    rows = [shape.Row(**_row(row)) for row in found["rows"]]
    head = ("work", found["other"], *shape.HEAD[2:])
    machine = machines.get(found["machine"], found["machine"])
    when = f"{machine}, {found['date']}." if found["date"] else f"{machine}. {MISSING.capitalize()}."
    return f"{shape.table(rows, head)}\n\n{when} Command: {command}."


def _row(row: dict[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in row.items() if key in TAKEN}
    return {"other": None, **known, "ours": MISSING if row.get("ours") is None else row["ours"]}


def _tried(tried: list[dict[str, str]]) -> str:
    lines = [f"| {each['what']} | {each['found']} |" for each in tried]
    return "\n".join(["| what was tried | what it brought |", "|---|---|", *lines])


def take(figures: dict[str, Any], written: dict[str, Any], name: str) -> None:
    """Put what ``benchmarks/gpu.py --json`` wrote in the place of a table."""
    table = figures["tables"][name]
    versions = [f"{key} {written[key]}" for key in ("driver", "torch", "cuda", "cudnn") if key in written]
    table["machine"] = ", ".join([written["device"], written["processor"], *versions])
    table["date"], table["command"] = written["date"], written["command"]
    table["rows"] = [
        {key: row[key] for key in TAKEN if row.get(key) not in (None, "")} for row in written["rows"]
    ]
    gone = [*written["left_out"], *written["failed"]]
    table["rows"] += [{"work": each.partition(":")[0], "ours": each.partition(": ")[2]} for each in gone]


def main() -> None:
    """Take new figures, if there are some, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--take", type=Path, help="a file that benchmarks/gpu.py --json wrote")
    parser.add_argument("--as", dest="name", default="gpu", help="the table that it becomes")
    options = parser.parse_args()
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    if options.take is not None:
        take(figures, json.loads(options.take.read_text(encoding="utf-8")), options.name)
        FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), figures), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
