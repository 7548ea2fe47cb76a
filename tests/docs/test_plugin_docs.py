"""The plugin page: its tutorial works, its outputs and tables are what the program prints today."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType
from typing import Any

import pytest
import torch
from helpers.places import DOCS, ROOT

import gait_plugins
from gait_plugins.testing import check_index

README = ROOT / "README.md"


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that fills the page."""
    monkeypatch.delenv("GAIT_PLUGINS_LOAD", raising=False)
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(generate: ModuleType) -> None:
    text = generate.PAGE.read_text(encoding="utf-8")
    assert generate.rendered(text) == text, "run: python docs/generate.py"


def test_the_loss_of_the_tutorial_prefers_separate_identities(generate: ModuleType) -> None:
    with generate.tutorial_package(generate.PAGE.read_text(encoding="utf-8")):
        loss = gait_plugins.build("loss", {"type": "my-gait/SoftTriplet", "sharpness": 2})
    labels = torch.tensor([0, 0, 1, 1, 1])
    mixed = torch.randn(5, 8, 3, generator=torch.Generator().manual_seed(0))
    apart = mixed + 100 * labels[:, None, None]
    assert loss(mixed, labels)[0].shape == (3,)
    assert loss(apart, labels)[0].max() < 1e-6 < loss(mixed, labels)[0].min()


def test_the_index_of_the_page_keeps_its_contract(generate: ModuleType) -> None:
    text = generate.PAGE.read_text(encoding="utf-8")
    [code] = re.findall(r"### Indices.*?```python\n(.*?)```", text, re.DOTALL)
    given: dict[str, Any] = {}
    exec(code, given)
    check_index(given["Sketch"])


def test_the_page_tells_the_size_of_the_example() -> None:
    example = DOCS.parent / "examples" / "third_party_plugin"
    files = [example / "pyproject.toml", *example.glob("strip_gait/*.py")]
    lines = sum(len(file.read_text().splitlines()) for file in files)
    assert f"in {lines} lines" in (DOCS / "plugins.md").read_text()


def test_the_readme_shows_lines_of_the_page() -> None:
    [shown] = re.findall(r"plugins list --kind loss \| grep Triplet\n(.*?)```", README.read_text(), re.DOTALL)
    page = (DOCS / "plugins.md").read_text(encoding="utf-8").splitlines()
    listed = [line for line in page if line.startswith("loss  ") and "Triplet" in line]
    assert shown.splitlines() == listed
