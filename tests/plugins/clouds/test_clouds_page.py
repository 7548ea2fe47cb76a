"""The page of point clouds: its commands run, and its tables hold what there is."""

from __future__ import annotations

import pickle
import re
import shlex
from pathlib import Path

import pytest
from helpers.clouds.golden import cloud
from helpers.places import DOCS
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.config import shipped
from gait_plugins.prepare.clouds.layouts import CLOUD_LAYOUTS
from gait_plugins.prepare.clouds.read import SUFFIXES

TEXT = (DOCS / "clouds.md").read_text(encoding="utf-8")


def test_the_commands_run_as_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    walk = [cloud(0, t, 100) * [-1, 1, 1] for t in range(3)]
    for path, content in (("clouds/001/nm-01/090/1.pkl", walk), ("SUSTech1K/0000/00-nm/000/00-x.pkl", walk)):
        Path(path).parent.mkdir(parents=True)
        Path(path).write_bytes(pickle.dumps(content))
    (block,) = re.findall(r"<!-- run -->\n```\n(.*?)```", TEXT, re.DOTALL)
    for program, *words in map(shlex.split, block.splitlines()):
        assert program == "gait-plugins"
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (words, result.output)
    assert len(list(tmp_path.glob("depth*/*/*/*/*.pkl"))) == 2


def test_every_layout_ending_and_configuration_is_on_the_page() -> None:
    assert [name for name in CLOUD_LAYOUTS if name not in ("own",) and name not in TEXT] == []
    assert [ending for ending in SUFFIXES if f"`{ending}`" not in TEXT] == []
    assert [name for name in shipped() if "lidargait" in name and f"{name}" not in TEXT] == []
