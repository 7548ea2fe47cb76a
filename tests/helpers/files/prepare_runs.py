"""Calling ``data prepare``, and reading what it has written."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from gait_plugins.cli import app
from helpers.files.mask_files import walk

RAW_FORMS = {
    "CASIA-B": (["001/nm-01/090"], ["001/nm-01/090"]),
    "OUMVLP": (["Silhouette_015-00/00007", "Silhouette_000-01/00007"], ["00007/00/015", "00007/01/000"]),
    "GREW": (
        ["train/00001/4XPn", "test/gallery/00001/zz", "test/gallery/00001/aa", "test/probe/etaG"],
        ["00001train/00/4XPn", "00001/02/zz", "00001/01/aa", "probe/03/etaG"],
    ),
    "Gait3D": (["0002/camid33_videoid2/seq0"], ["0002/camid33_videoid2/seq0"]),
    "CCPG": (["000/U0_D0/00"], ["000/U0_D0/00"]),
    "SUSTech1K": (["0000/00-nm/000/Sils_aligned"], ["0000/00-nm/000"]),
    "CASIA-E": (["forTrain/001/H/scene1/bg/000/1"], ["001/H-scene1-bg-1/000"]),
    "HID": (
        ["train/0001/12", "HID2022_test_gallery/00001/a1", "HID2022_test_probe/b2"],
        ["0001/12/default", "00001/a1/default", "probe/b2/default"],
    ),
    "own": (["ann/coat/left"], ["ann/coat/left"]),
}
"""Data set -> folders of a sequence as it is distributed, and names that they get."""


def gait(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["data", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def prepared(target: Path) -> dict[str, tuple[int, ...]]:
    """Sequence files below a folder and the shapes in them."""
    files = sorted(target.rglob("*.pkl"))
    return {str(f.relative_to(target)): pickle.loads(f.read_bytes()).shape for f in files}


def frames_of(path: Path) -> np.ndarray:
    array: np.ndarray = pickle.loads(path.read_bytes())
    return array


def record_of(target: Path) -> dict:
    return json.loads((target / "prepare.json").read_text())


def raw_walks(folder: Path) -> Path:
    """Two walks of one person, one of another."""
    for place in ("001/nm-01/000", "001/nm-01/090", "002/bg-01/000"):
        walk(folder / place)
    return folder
