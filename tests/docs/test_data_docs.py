"""The data page: its worked examples run as they are written."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
from helpers.files.coco_files import annotated
from helpers.files.mask_files import mask, video, walk, write_mask
from helpers.files.mask_forms import figure, labelled
from helpers.places import DOCS
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.plugins.walkers.film.truth import COLUMNS
from gait_plugins.prepare import LAYOUTS, Name, align_masks, write_sequence

PAGE = DOCS / "data.md"


def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in ("ann/nm-01-000", "ann/bg-01-090", "bob/nm-01-000", "bob/nm-02-000"):
        walk(Path("raw") / place)
    video(Path("films/cem/nm-01-000.avi"))
    video(Path("films/cem/nm-02-000.avi"))
    video(Path("walk.avi"))
    walk(Path("walk-masks"))
    for number in range(4):
        both = labelled(figure(number, (120, 160)), figure(number, (120, 160), 0.7)).astype(np.uint8)
        write_mask(Path(f"labelled/eve/nm/090/{number}.png"), both)
    Path("walks.json").write_text(json.dumps(annotated(both=True)))
    blocks = re.findall(r"<!-- run -->\n```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert len(commands) == 11
    for program, *words in commands:
        assert program == "gait-plugins"
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (words, result.output)
    write_sequence("own", Name("eve", "nm-03", "090"), align_masks([mask(0)]))
    assert len(list(Path("each").glob("eve-*"))) == 2
    assert len(list(Path("tracks").glob("*/*/*/*.pkl"))) == 1
    assert Path("own/eve/nm-03/090/090.pkl").is_file()


def test_every_layout_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in LAYOUTS if f"`{name}`" not in text] == []


def test_films_of_the_walkers_are_as_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8").partition("### Films of the walkers")[2]
    assert [name for name in COLUMNS if f"`{name}`" not in text] == []
    told = CliRunner().invoke(app, ["data", "film", "--help"], env={"COLUMNS": "200"}).output
    options = {*re.findall(r"(?<![-\w])--[a-z][a-z-]+", told)}
    assert {*re.findall(r"(?<![-\w])--[a-z][a-z-]+", text)} <= options
    assert options - {"--json", "--labels", "--help"} <= {*re.findall(r"--[a-z-]+", text)}
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(example.replace("seconds=30", "seconds=0.2"), {})
    assert Path("street-b.csv").is_file()
