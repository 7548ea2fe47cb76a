"""The pages and their links: every link leads to a file and a heading, the glossary is in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.places import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def headings(page: Path, level: str = "#+") -> list[str]:
    return re.findall(rf"^{level} (.+)$", prose(page), re.MULTILINE)


def anchor(heading: str) -> str:
    """The name that a heading is linked by."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    for link in [link for link in links if not link.startswith("http")]:
        name, _, place = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not place or place in {anchor(heading) for heading in headings(target)}, link


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_page_begins_with_what_it_is_about(page: Path) -> None:
    title, opening, *_ = page.read_text(encoding="utf-8").split("\n\n")
    assert title.startswith("# ")
    assert opening.startswith("This page is for ")


def test_the_glossary_is_in_alphabetical_order_and_every_term_leads_on() -> None:
    page = ROOT / "docs" / "glossary.md"
    terms = headings(page, "##")
    assert terms == sorted(terms, key=str.lower)
    entries = prose(page).split("\n## ")[1:]
    assert [
        entry.split("\n")[0] for entry in entries if not re.search(r"More:.*\]\(", entry, re.DOTALL)
    ] == []
