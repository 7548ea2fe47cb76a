"""The plugin page: its tutorial works, its outputs and tables are what the program prints today."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAIT_PLUGINS_LOAD", raising=False)
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    text = generate.PAGE.read_text(encoding="utf-8")
    assert generate.rendered(text) == text, "run: python docs/generate.py"


def test_the_page_tells_the_size_of_the_example() -> None:
    example = DOCS.parent / "examples" / "third_party_plugin"
    files = [example / "pyproject.toml", *example.glob("strip_gait/*.py")]
    lines = sum(len(file.read_text().splitlines()) for file in files)
    assert f"in {lines} lines" in (DOCS / "plugins.md").read_text()
