"""Findings about data, as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gait_plugins.io.printable import printable

if TYPE_CHECKING:
    from gait_plugins.api import Finding


def finding_lines(finding: Finding, shown: int | None, more: str) -> list[str]:
    """A finding with its first places and its fix.

    Args:
        finding: what was found.
        shown: places to show; None: all.
        more: where the other places can be seen.
    """
    places = finding.examples[:shown]
    # One place may stand for the whole (a missing root); its problem is a sentence, not a count.
    number = f"{finding.count} " if finding.count > 1 else ""
    lines = [f"{finding.severity}: {number}{printable(finding.problem)}"]
    lines += [f"    {printable(place)}" for place in places]
    if len(places) < len(finding.examples):
        lines.append(f"    ... and {len(finding.examples) - len(places)} more ({more})")
    return [*lines, f"  -> {finding.fix}"]
