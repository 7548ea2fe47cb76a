"""Fills the table of published checkpoints in ``checkpoints.md``.

python docs/generate_checkpoints.py
"""

from __future__ import annotations

import re
from pathlib import Path

from gait_plugins.io.printable import megabytes
from gait_plugins.registry.manager import Manager

PAGE = Path(__file__).with_name("checkpoints.md")


def rendered(text: str) -> str:
    """The page with its table made anew."""
    pattern = r"(<!-- generated: checkpoints -->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda match: f"{match[1]}{table()}{match[2]}", text, flags=re.DOTALL)


def table() -> str:
    """The checkpoints that this package tells of, one a line."""
    entries = [entry for entry in Manager(allow=[]).checkpoints() if entry.owner.is_built_in]
    if not entries:
        return "None yet.\n"
    lines = ["| Name | Configuration | Figure | Size | Licence | From |", "|---|---|---|---|---|---|"]
    for entry in entries:
        told = entry.published
        figure = "; ".join(filter(None, (told.figure, told.note)))
        row = (f"`{entry.name}`", f"`{told.config}`", figure, megabytes(told.bytes), told.licence)
        lines.append(f"| {' | '.join(row)} | {told.address} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
