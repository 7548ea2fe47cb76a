"""The page of a report in a browser: every picture is there, nothing overflows, and it opens quickly."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers.components.report_runs import grow

import gait_plugins

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no browser is installed (Debian: chromium)"),
    pytest.mark.heavy,
]

LOOK = """<script>addEventListener('load', async () => {
  const root = document.documentElement, pictures = [...document.querySelectorAll('svg')];
  const decoded = [...document.querySelectorAll('image')].map(each => new Promise(done => {
    const picture = new Image();
    picture.onload = () => done(picture.naturalWidth);
    picture.onerror = () => done(0);
    picture.src = each.getAttribute('href');
  }));
  const size = each => {
    const turned = each.getScreenCTM();
    return Math.hypot(turned.a, turned.b) * parseFloat(each.getAttribute('font-size'));
  };
  const seen = {
    opened: performance.now(), wide: root.scrollWidth, window: innerWidth,
    pictures: pictures.map(each => each.getBoundingClientRect()).filter(box => box.width > 200).length,
    all: pictures.length,
    texts: Math.min(...[...document.querySelectorAll('svg text')].map(size)),
    paper: getComputedStyle(document.body).backgroundColor,
    line: getComputedStyle(document.querySelector('polyline.k-s0')).stroke,
  };
  const images = WAIT ? await Promise.all(decoded) : [];
  parent.document.documentElement.dataset.seen = JSON.stringify({...seen, images});
});</script>"""


def seen(
    page: Path, width: int, theme: str = "light", *, timed: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """What a browser makes of the page, and what it writes to its console."""
    text = page.read_text(encoding="utf-8").replace("<html ", f'<html data-theme="{theme}" ', 1)
    copy = page.with_name(f"{page.stem}-{width}-{theme}.html")
    look = LOOK.replace("WAIT", "false" if timed else "true")
    inside = html.escape(text.replace("</body>", f"{look}</body>"))
    # In a frame, because the window of a browser has a least width.
    frame = f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{inside}"></iframe>'
    copy.write_text(f'<!doctype html><meta charset="utf-8">{frame}', encoding="utf-8")
    words = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    words += [f"--user-data-dir={page.parent / 'profile'}", "--window-size=1700,1000", "--dump-dom"]
    words += [] if timed else ["--virtual-time-budget=10000"]
    done = subprocess.run([*words, copy.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert found is not None, done.stderr[-2000:]
    return json.loads(html.unescape(found[1])), re.findall(r".*CONSOLE.*", done.stderr)


@pytest.fixture(scope="module")
def page(tested: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run with 1,000 probes."""
    run = Path(shutil.copytree(tested, tmp_path_factory.mktemp("grown") / "demo"))
    grow(run, 1700)
    return gait_plugins.report(run, device="cpu", projection="pca")


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_whole_and_readable(page: Path, width: int, theme: str):
    found, console = seen(page, width, theme)
    assert console == []
    assert found["window"] == width
    assert found["wide"] <= width  # nothing is wider than the window; tables scroll in their own boxes
    assert found["pictures"] == found["all"] >= 20
    assert len(found["images"]) >= 9
    assert min(found["images"]) > 0
    assert found["texts"] >= 9.5  # pixels
    assert (found["paper"] == "rgb(255, 255, 255)") == (theme == "light")
    assert (found["line"] == "rgb(11, 98, 164)") == (theme == "light")


def test_the_console_would_be_heard(page: Path, tmp_path: Path):
    broken = tmp_path / "broken.html"
    broken.write_text(page.read_text().replace("<main>", "<script>nothing.there()</script><main>"))
    assert len(seen(broken, 400)[1]) == 1


def test_it_opens_within_two_seconds(page: Path):
    times = [seen(page, 1600, timed=True)[0]["opened"] for _ in range(3)]
    assert min(times) < 2000
