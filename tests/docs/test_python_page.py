"""The page on Python: its scripts run, and its reference is of today."""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from helpers.components.tiny import TINY_YAML, TinyWalks
from helpers.places import DOCS
from typer.testing import CliRunner

import gait_plugins
from gait_plugins.cli import app


@pytest.fixture
def generate() -> ModuleType:
    """The script that fills the page."""
    spec = importlib.util.spec_from_file_location("generate_api", DOCS / "generate_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="Pythons write some annotations in other words")
def test_the_reference_is_up_to_date(generate: ModuleType) -> None:
    text = generate.PAGE.read_text(encoding="utf-8")
    assert generate.rendered(text) == text, "run: python docs/generate_api.py"


def test_the_reference_has_every_name_that_is_called(generate: ModuleType) -> None:
    listed = set(re.findall(r"^#### (\w+)$", generate.PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {
        name for name in gait_plugins.__all__ if generate.is_described(getattr(gait_plugins, name))
    }


def test_the_scripts_of_the_page_run(
    tiny: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)  # of the whole test run
    Path("my.yaml").write_text(TINY_YAML)
    walks = TinyWalks()
    for ref in walks.sequences("test"):
        folder = Path("people") / ref.label / ref.type / ref.view
        folder.mkdir(parents=True)
        np.save(folder / "090.npy", walks.load(ref)[0])
    text = (DOCS / "python.md").read_text(encoding="utf-8").partition("## Reference")[0]
    training, scoring = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    given = {"frames": np.zeros((3, 8, 8), np.uint8)}
    exec(training, given)
    assert given["trained"].checkpoint.name == "tiny-00004.pt"  # type: ignore[attr-defined]
    assert "R1" in capsys.readouterr().out
    words = [
        "embed",
        "my.yaml",
        "people",
        "-O",
        "walks.npz",
        "--checkpoint",
        str(given["trained"].checkpoint),
    ]  # type: ignore[attr-defined]
    assert CliRunner().invoke(app, words).exit_code == 0
    exec(scoring, given)
    assert given["results"].dataset == "my walks"  # type: ignore[attr-defined]
