"""Pages as Markdown and as HTML: what is counted, linked and loaded in them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from markdown_it import MarkdownIt

from helpers.places import DOCS

COUNTED = ("table", "tr", "td", "th", "li", "ul", "ol", "pre", "h1", "h2", "h3", "h4", "img", "blockquote")


class Seen(HTMLParser):
    """The links, sources and anchors of an HTML page, and the number of each tag inside of its article."""

    def __init__(self, text: str, article: bool = True):
        super().__init__()
        self.counts = dict.fromkeys(COUNTED, 0)
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.texts: list[str] = []
        self._inside = not article
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inside = self._inside or tag == "article"
        if self._inside and tag in self.counts:
            self.counts[tag] += 1
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in {"next", "prev", "canonical"}:
            self.loaded.append(given.get("href", ""))
        elif "src" in given:
            self.loaded.append(given["src"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self._inside = False


def as_github_shows(page: Path) -> Seen:
    """A page by the rules of CommonMark, with tables."""
    return Seen(
        MarkdownIt("commonmark").enable("table").render(page.read_text(encoding="utf-8")), article=False
    )


def built(page: Path, site: Path) -> Path:
    """The HTML file of a page of ``docs``."""
    path = site / page.relative_to(DOCS).with_suffix(".html")
    return path.with_name("index.html") if page.name == "README.md" else path
