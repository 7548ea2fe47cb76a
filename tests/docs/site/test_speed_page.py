"""The page of speed: its tables are those of its figures, and take what the benchmark of a GPU writes."""

from __future__ import annotations

import importlib
import json
import re
from types import ModuleType
from typing import Any

import pytest
from helpers.places import DOCS, ROOT


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that fills the page."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("generate_speed")


@pytest.fixture
def figures(generate: ModuleType) -> Any:
    return json.loads(generate.FIGURES.read_text(encoding="utf-8"))


def test_the_tables_are_those_of_the_figures(generate: ModuleType, figures: Any) -> None:
    text = generate.PAGE.read_text(encoding="utf-8")
    assert generate.rendered(text, figures) == text, "run: python docs/generate_speed.py"
    places = re.findall(r"<!-- generated: (\w+) -->", text)
    assert sorted(places) == sorted([*figures["tables"], "tried"])


def test_what_is_measured_has_a_day_and_a_script_that_is_there(figures: Any) -> None:
    for name, each in figures["tables"].items():
        if any(row.get("ours") is not None for row in each["rows"]):
            assert each["date"], f"{name} has figures and no day"
            scripts = re.findall(r"\S+\.py", each["command"])
            assert [script for script in scripts if not (ROOT / script).exists()] == []


def test_what_a_gpu_gave_becomes_a_table(generate: ModuleType, figures: Any) -> None:
    tables = generate.tables()
    rows = [
        tables.Row("training step, GaitBase", 300.0, 200.0, "ms", least=1.3),
        tables.Row("tests marked cuda", None, "16 passed", holds=True),
    ]
    written = {
        "date": "2027-01-02",
        "device": "A card, 80 GiB",
        "processor": "a processor, 16 cores",
        "driver": "1.2",
        "torch": "2.13.0",
        "command": "python benchmarks/gpu.py",
        "rows": [row.as_data() for row in rows],
        "left_out": ["evaluation: 3 s were left, it needs 6 s"],
        "failed": ["step, SwinGait: out of memory"],
    }
    generate.take(figures, written, "gpu")
    text = generate.rendered(generate.PAGE.read_text(encoding="utf-8"), figures)
    page = text[text.index("## On a GPU") :]
    lines = [re.sub(r" +", " ", line) for line in page.splitlines()]
    assert "| training step, GaitBase | 300 | 200 | 1.50 | ms | >= 1.3 | yes |" in lines
    assert "| tests marked cuda | - | 16 passed | | | | yes |" in lines
    assert "| step, SwinGait | - | out of memory | | | | |" in lines
    assert "| evaluation | - | 3 s were left, it needs 6 s | | | | |" in lines
    assert "A card, 80 GiB, a processor, 16 cores, driver 1.2, torch 2.13.0, 2027-01-02." in page
