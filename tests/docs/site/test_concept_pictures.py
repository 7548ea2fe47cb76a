"""The pictures of the pages: drawn from the walkers as they are today, small, and described in words."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from helpers.places import DOCS

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
PAGES = sorted(DOCS.rglob("*.md"))


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that draws the pictures."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("generate_pictures")


@pytest.mark.heavy
def test_the_pictures_are_of_today(generate: ModuleType) -> None:
    drawn = generate.pictures()
    assert sorted(drawn) == sorted(path.name for path in generate.FOLDER.iterdir())
    for name, text in drawn.items():
        kept = (generate.FOLDER / name).read_text(encoding="utf-8")
        assert NUMBER.sub("#", text) == NUMBER.sub("#", kept), "run: python docs/generate_pictures.py"
        pairs = zip(NUMBER.findall(text), NUMBER.findall(kept), strict=True)
        assert all(abs(float(new) - float(old)) < 1 for new, old in pairs), name


def test_each_picture_is_an_image_of_its_own_size_and_has_a_title(generate: ModuleType) -> None:
    for path in generate.FOLDER.iterdir():
        picture = ElementTree.parse(path).getroot()
        assert {"width", "height", "viewBox"} <= set(picture.attrib), path.name
        assert picture.findtext("{http://www.w3.org/2000/svg}title"), path.name
        assert "http" not in path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")


def test_all_pictures_together_are_small_and_each_is_shown() -> None:
    pictures = [path for path in (DOCS / "images").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in pictures) < 1_000_000
    texts = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = {"favicon.svg", "walkers.png"}  # of the site's settings, and of the README
    assert [path.name for path in pictures if path.name not in shown and path.name not in texts] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_picture_of_a_page_is_told_in_words_and_lies_there(page: Path) -> None:
    for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        assert len(words) > 10, target
        assert (page.parent / target).is_file(), target
