"""Calling ``data prepare``, and reading what it has written."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
from mask_files import walk
from typer.testing import CliRunner

from gait_plugins.cli import app


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
