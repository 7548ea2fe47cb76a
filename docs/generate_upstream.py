"""Fills the table of patches in ``upstream.md``.

python docs/generate_upstream.py
"""

from __future__ import annotations

import re
from pathlib import Path

from upstream_patches.patches import load

PAGE = Path(__file__).with_name("upstream.md")


def rendered(text: str) -> str:
    """The page with its table made anew."""
    rows = [f"| `{patch.name}` | {patch.touches} | {patch.why} |" for patch in load()]
    table = "\n".join(["| Patch | What it touches | Why |", "|---|---|---|", *rows])
    pattern = r"(<!-- generated: patches -->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
