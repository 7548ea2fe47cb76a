"""Tables of what was measured: work, the other way, ours, their ratio and what was aimed at.

Every script of this folder prints this one shape, as Markdown, so that docs/speed.md can take it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Figure = float | str | None
"""A measured number; what was found, in words; or None where there is nothing to measure."""

HEAD = ("work", "other", "ours", "ratio", "unit", "target", "met")
SHARES = ("GiB", "MiB", "loss", "bytes")
"""Units of which the ratio is our share of the other one's; else how many times as fast ours is."""


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Args:
        work: what was done.
        other: how it went another way: before, or in other code.
        ours: how it went with this package.
        unit: ``s`` or ``ms``, where less is better; ``.../s``, where more is; or one of ``SHARES``.
        least, most: of the ratio; the target.
        holds: of a row without a ratio, whether it is as it should be.
        part: which part of a run found it.
    """

    work: str
    other: Figure
    ours: Figure
    unit: str = ""
    least: float | None = None
    most: float | None = None
    holds: bool | None = None
    part: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as fast ours is, or the share that ours takes; None where it cannot be said."""
        if isinstance(self.other, str | None) or isinstance(self.ours, str | None):
            return None
        above, below = self.other, self.ours
        if self.unit in SHARES or self.unit.endswith("/s"):
            above, below = below, above
        return above / below if below else None

    @property
    def target(self) -> str:
        """The target in signs; empty: there is none."""
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        if self.least is not None:
            return f">= {self.least:g}"
        return "" if self.most is None else f"<= {self.most:g}"

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none, or nothing to tell it by."""
        if self.holds is not None:
            return self.holds
        ratio = self.ratio
        if ratio is None or (self.least is None and self.most is None):
            return None
        return (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as texts, in the order of ``HEAD``."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        met = {True: "yes", False: "no", None: ""}[self.met]
        return (self.work, _shown(self.other), _shown(self.ours), ratio, self.unit, self.target, met)

    def as_data(self) -> dict[str, Any]:
        """The line for JSON."""
        return {
            "part": self.part,
            "work": self.work,
            "other": self.other,
            "ours": self.ours,
            "ratio": self.ratio,
            "unit": self.unit,
            "target": self.target,
            "met": self.met,
        }


def table(rows: Iterable[Row], head: Sequence[str] = HEAD) -> str:
    """The rows as a Markdown table, as wide as need be; later columns without a cell are left out."""
    lines = [tuple(head), *(row.cells for row in rows)]
    kept = [n for n in range(len(head)) if n < 4 or any(line[n] for line in lines[1:])]
    widths = [max(len(line[n]) for line in lines) for n in kept]
    padded = [
        "| " + " | ".join(f"{line[n]:<{w}}" for n, w in zip(kept, widths, strict=True)) + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([padded[0], rule, *padded[1:]])


def _shown(value: Figure) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
