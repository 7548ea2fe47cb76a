"""The page of all options: it is of today, and has every key and every built-in component."""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType

import pytest
from helpers.places import DOCS

from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import Manager


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that fills the page."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("generate_options")


@pytest.mark.heavy
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="Pythons write some annotations in other words")
def test_the_options_are_those_of_today(generate: ModuleType) -> None:
    text = generate.PAGE.read_text(encoding="utf-8")
    assert generate.rendered(text) == text, "run: python docs/generate_options.py"


def test_every_built_in_component_stands_under_its_kind(generate: ModuleType) -> None:
    text = generate.PAGE.read_text(encoding="utf-8")
    manager = Manager(allow=[])
    for kind in KINDS.values():
        part = text.partition(f"### Kind: {kind.name}\n")[2].partition("\n### ")[0]
        names = sorted((component.name for component in manager.components(kind.name)), key=str.lower)
        assert re.findall(r"^#### (.+)$", part, re.MULTILINE) == names, "run: python docs/generate_options.py"
