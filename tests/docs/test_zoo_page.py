"""The page of shipped configurations: its table is of today, its example loads."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from helpers.places import DOCS

from gait_plugins.config import load_config, shipped


@pytest.fixture
def generate() -> ModuleType:
    """The script that fills the page."""
    spec = importlib.util.spec_from_file_location("generate_zoo", DOCS / "generate_zoo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_up_to_date(generate: ModuleType) -> None:
    text = generate.PAGE.read_text(encoding="utf-8")
    assert generate.rendered(text) == text, "run: python docs/generate_zoo.py"
    assert re.findall(r"^\| `([a-z_0-9/]+)` \|", text, re.MULTILINE) == shipped()


def test_the_example_puts_a_model_and_a_data_set_together(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (DOCS / "zoo.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "own.yaml").write_text(example)
    config = load_config(tmp_path / "own.yaml")
    assert (config.model_cfg.name, config.evaluator_cfg.protocol.name) == ("GaitSet", "evaluate_Gait3D")
    assert config.data_cfg.dataset.options["dataset_root"] == "/data/Gait3D"
