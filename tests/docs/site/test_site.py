"""The site: it builds without a remark, holds every page, loads nothing from elsewhere; no link is dead."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from helpers.pages.markup import Seen, as_github_shows, built
from helpers.places import DOCS, ROOT

SETTINGS = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
PAGES = sorted(DOCS.rglob("*.md"))


def build(settings: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build a site strictly; ``--quiet`` would not count warnings."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(settings), "-d", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_stands_in_the_navigation_once() -> None:
    listed = re.findall(r"^ +- (\S+\.md)$", SETTINGS.partition("\nnav:\n")[2], re.MULTILINE)
    pages = [page.relative_to(DOCS).as_posix() for page in PAGES]
    assert sorted(listed) == pages, "mkdocs.yml: nav lists every page of docs/ once"


@pytest.mark.heavy
@pytest.mark.parametrize("fault", ["[x](nowhere.md)", "[x](#nowhere)", "![x](nowhere.png)"])
def test_a_page_with_a_dead_link_does_not_build(fault: str, tmp_path: Path) -> None:
    settings = SETTINGS.partition("# Every page of docs/")[0].replace("docs/site_hooks.py", "hooks.py")
    (tmp_path / "mkdocs.yml").write_text(settings)
    (tmp_path / "hooks.py").touch()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README.md").write_text("# A page\n\n[good](#a-page)\n")
    assert build(tmp_path / "mkdocs.yml", tmp_path / "site").returncode == 0
    (tmp_path / "docs" / "README.md").write_text(f"# A page\n\n{fault}\n")
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode == 1
    assert "nowhere" in done.stderr


@pytest.mark.heavy
def test_every_link_of_the_built_pages_leads_to_a_file_and_a_place_in_it(site: Path) -> None:
    seen = {path: Seen(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    dead = []
    for path, page in seen.items():
        for link in page.links + page.loaded:
            address, place = urldefrag(link)
            if urlparse(address).scheme or path.name == "404.html":
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            target = target / "index.html" if target.is_dir() else target
            found = target.is_file() and (
                not place or target.suffix != ".html" or unquote(place) in seen[target].anchors
            )
            dead += [] if found else [f"{path.relative_to(site)}: {link}"]
    assert len(seen) > len(PAGES)
    assert dead == []


@pytest.mark.heavy
def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = {path: Seen(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    loaded = {source for page in pages.values() for source in page.loaded}
    assert [source for source in loaded if urlparse(source).netloc] == []
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()[\s\"']*https?:[^)]*", styles) == []
    # Of what the scripts could fetch, no page asks for anything: diagrams, and figures of a repository.
    texts = "".join(path.read_text(encoding="utf-8") for path in pages)
    assert 'class="mermaid"' not in texts
    assert 'data-md-component="source"' not in texts


@pytest.mark.heavy
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_site_shows_a_page_as_github_does(page: Path, site: Path) -> None:
    assert Seen(built(page, site).read_text(encoding="utf-8")).counts == as_github_shows(page).counts


@pytest.mark.heavy
def test_the_search_knows_every_page(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text(encoding="utf-8")
    for page in PAGES:
        assert f'"location":"{built(page, site).relative_to(site).as_posix()}' in index, page


def test_the_extra_of_the_tests_holds_that_of_the_site() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    docs, tests = (
        re.findall(rf"^{name} = \[(.*?)\]$", project, re.DOTALL | re.M)[0] for name in ("docs", "test")
    )
    assert set(re.findall(r'"([^"]+)"', docs)) <= set(re.findall(r'"([^"]+)"', tests))
