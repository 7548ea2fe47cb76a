"""The notebooks: they run, and their pages show what is in them and what they print."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from helpers.places import DOCS

FOLDER = DOCS / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that runs the notebooks and writes their pages."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("generate_notebooks")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_holds_the_cells_and_the_notebook_no_outputs(name: str) -> None:
    page = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
    place = 0
    for cell in cells:
        place = page.find("".join(cell["source"]), place)
        assert place >= 0, "run: python docs/generate_notebooks.py"


@pytest.mark.heavy
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_gives_what_its_page_shows(
    name: str, generate: ModuleType, tmp_path: Path
) -> None:
    path = FOLDER / f"{name}.ipynb"
    page, pictures = generate.rendered(path, generate.executed(path, tmp_path))
    kept = path.with_suffix(".md").read_text(encoding="utf-8")
    assert re.sub(r"\d+\.\d+", "#", page) == re.sub(r"\d+\.\d+", "#", kept), (
        "run: python docs/generate_notebooks.py"
    )
    for file, content in pictures.items():
        drawn = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        before = cv2.imread(str(generate.PICTURES / file), cv2.IMREAD_GRAYSCALE)
        assert drawn.std() > 10, "an empty picture"
        assert np.abs(np.subtract(drawn.shape, before.shape)).max() <= 25, file
    assert sorted(pictures) == sorted(path.name for path in generate.PICTURES.glob(f"{name}-*.png"))
