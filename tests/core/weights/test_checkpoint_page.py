"""The page on checkpoints: its table is what is told of, and its hook is one."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest
from helpers.places import ROOT

from gait_plugins import PublishedCheckpoint

PAGE = ROOT / "docs" / "checkpoints.md"


@pytest.fixture
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "generate_checkpoints", ROOT / "docs" / "generate_checkpoints.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_up_to_date(generate: ModuleType) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert generate.rendered(text) == text, "run: python docs/generate_checkpoints.py"


def test_the_hook_of_the_page_tells_of_a_checkpoint() -> None:
    [code] = re.findall(r"```python\n(from gait_plugins import HubFile.*?)```", PAGE.read_text(), re.DOTALL)
    found: dict = {}
    exec(code.replace('sha256="..."', f'sha256="{"0" * 64}"'), found)
    [(name, entry)] = found["gait_checkpoints"]().items()
    assert name == "acme/gaitbase"
    assert isinstance(entry, PublishedCheckpoint)
