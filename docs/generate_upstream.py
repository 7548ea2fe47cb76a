"""Fills the tables of patches and of pinned versions in ``upstream.md``.

python docs/generate_upstream.py
"""

from __future__ import annotations

import re
from pathlib import Path

from upstream_patches.patches import load
from upstream_patches.run.pins import pinned

PAGE = Path(__file__).with_name("upstream.md")


def rendered(text: str) -> str:
    """The page with its tables made anew."""
    rows = [f"| `{patch.name}` | {patch.touches} | {patch.why} |" for patch in load()]
    text = _filled(text, "patches", ["| Patch | What it touches | Why |", "|---|---|---|", *rows])
    pins = sorted(pinned(), key=lambda pin: (pin.day, pin.commit), reverse=True)
    rows = [f"| {pin.day} | `{pin.commit}` |" for pin in pins]
    return _filled(text, "pins", ["| Day | Commit |", "|---|---|", *rows])


def _filled(text: str, name: str, lines: list[str]) -> str:
    table = "\n".join(lines)
    pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
