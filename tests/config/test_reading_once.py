"""One reading: a plain training reads each of its YAML files once, and imports nothing of recipes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from helpers.components.tiny_recipe import TinyRecipePlugin, write_recipe
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.config.yaml import sources
from gait_plugins.registry.manager import Manager, use_manager

RUN = """
import sys
from helpers.programs import run_tiny
try:
    run_tiny.run()
except SystemExit as error:
    assert not error.code, error.code
ours = [name for name in sorted(sys.modules) if name.startswith("gait_plugins.")]
print("RECIPES", [name for name in ours if "recipe" in name])
"""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was read."""
    found: Counter[str] = Counter()
    original = sources.read_file

    def counting(file: Path, name: str) -> sources.Tree:
        found[file.name] += 1
        return original(file, name)

    monkeypatch.setattr(sources, "read_file", counting)
    return found


@pytest.fixture
def child(tiny_yaml: Path) -> Path:
    """A configuration that inherits another one."""
    path = tiny_yaml.with_name("child.yaml")
    path.write_text("inherits: tiny.yaml\ntrainer_cfg: {total_iter: 1, save_iter: 1, log_iter: 1}\n")
    return path


@pytest.mark.parametrize("command", [["train", "--device", "cpu"], ["config", "check"]])
def test_each_file_is_read_once(tiny: Manager, child: Path, read: Counter[str], command: list[str]):
    done = CliRunner().invoke(app, [command[0], *command[1:], str(child)])
    assert done.exit_code == 0, done.output
    assert read == {"child.yaml": 1, "tiny.yaml": 1}


def test_a_recipes_own_file_is_read_once(tmp_path: Path, read: Counter[str]):
    manager = Manager(allow=[])
    manager.register(TinyRecipePlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    path = write_recipe(tmp_path)
    done = CliRunner().invoke(app, ["config", "check", str(path)])
    use_manager(None)
    assert done.exit_code == 0, done.output
    assert read[path.name] == 1


def test_a_plain_training_imports_nothing_of_recipes(child: Path):
    command = [sys.executable, "-c", RUN, "train", str(child), "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "RECIPES []"


def test_plain_data_is_made_from_the_sections_and_gives_them_again(tiny: Manager, child: Path):
    config = load_config(str(child))
    again = load_config(yaml.safe_load(yaml.safe_dump(config.data)))
    assert again.data == config.data
    changed = config.changed("trainer_cfg", "total_iter", 7)
    assert changed.data["trainer_cfg"]["total_iter"] == 7
    assert config.data["trainer_cfg"]["total_iter"] == 1
