"""Odd files among data: special ones and lies about sizes are left out and reported, and end nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.files.layout_files import small_set
from helpers.files.mask_files import hollow_png, walk
from helpers.files.prepare_runs import gait, prepared, record_of

from gait_plugins import DataError
from gait_plugins.io.sequence_file import read_frames

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among files here")


def test_an_image_that_lies_about_its_size_is_left_out(tmp_path: Path):
    for name in ("001", "002", "003"):
        walk(tmp_path / "raw" / name / "nm" / "000")
    (tmp_path / "raw/002/nm/000/005.png").write_bytes(hollow_png(60000, 60000))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 0, text
    assert len(prepared(tmp_path / "out")) == 3
    assert "002/nm/000/005.png" in str(record_of(tmp_path / "out"))


@pytest.mark.parametrize("name", ["006.png", "film.mp4", "notes"])
def test_a_pipe_among_masks_is_left_out_and_not_waited_for(tmp_path: Path, name: str):
    walk(tmp_path / "raw/001/nm/000")
    os.mkfifo(tmp_path / "raw/001/nm/000" / f"x{name}")
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 0, text
    assert f"001/nm/000/x{name}" in str(record_of(tmp_path / "out"))


def test_a_pipe_among_sequence_files_is_told_and_skipped(tmp_path: Path):
    root, partition = small_set(tmp_path / "set")
    view = next(Path(root).glob("*/*/*"))
    os.mkfifo(view / "pipe.pkl")
    code, text = gait("check", "--root", root, "--partition", partition)
    assert code == 0, text
    assert "special files (pipes, sockets, devices) lie in view folders" in text
    with pytest.raises(DataError, match="a pipe, socket or device"):
        read_frames(view / "pipe.pkl")
