"""The data page: its worked examples run as they are written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from helpers.files.mask_files import mask, video, walk
from helpers.places import DOCS
from typer.testing import CliRunner

from gait_plugins.cli import app
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
    blocks = re.findall(r"<!-- run -->\n```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert len(commands) == 9
    for program, *words in commands:
        assert program == "gait-plugins"
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (words, result.output)
    write_sequence("own", Name("eve", "nm-03", "090"), align_masks([mask(0)]))
    assert Path("own/eve/nm-03/090/090.pkl").is_file()


def test_every_layout_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in LAYOUTS if f"`{name}`" not in text] == []
