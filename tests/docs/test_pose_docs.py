"""The page of poses: its worked examples run as they are written, and its tables hold what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from helpers.files.pose_files import alphapose, gaitgraph_table, openpose_walk, walk, write_json
from helpers.places import DOCS
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.prepare.poses.layouts import POSE_LAYOUTS, SUFFIXES

TEXT = (DOCS / "poses.md").read_text(encoding="utf-8")


def test_the_examples_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    openpose_walk(Path("openpose/001/nm-01-090"), walk())
    write_json(Path("alphapose-results.json"), alphapose([[(1, one)] for one in walk()]))
    gaitgraph_table(Path("casia-b_pose_coco.csv"), {"001-nm-01-090": walk(), "001-bg-01-090": walk()})
    blocks = re.findall(r"<!-- run -->\n```\n(.*?)```", TEXT, re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert len(commands) == 4
    for program, *words in commands:
        assert program == "gait-plugins"
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (words, result.output)
    assert len(list(Path("casia-b").glob("*/*/*/*.pkl"))) == 2
    assert Path("maps/001/nm-01/090/090.pkl").is_file()
    assert Path("one/eve/nm-01/090/090.pkl").is_file()


def test_the_python_of_the_page_runs():
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names = {"keypoints": walk(3)}
    exec(block, names)
    assert np.asarray(names["maps"]).shape == (3, 2, 64, 64)


def test_every_layout_and_ending_is_on_the_page():
    told = {name for name in POSE_LAYOUTS if f"`{name}`" in TEXT}
    assert set(POSE_LAYOUTS) - told == {"Gait3D", "CCPG"}  # laid out as one's own
    assert [ending for ending in (*SUFFIXES, ".csv") if f"`{ending}`" not in TEXT] == []
