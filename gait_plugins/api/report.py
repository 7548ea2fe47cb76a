"""Data reports: the findings of a data set's check of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One kind of problem, however often it occurs."""

    severity: Severity
    problem: str
    """What is wrong, in the plural (``sequences shorter than 15 frames``)."""
    fix: str
    """What to do about it."""
    examples: tuple[str, ...] = ()
    """Every place it occurs in, as found; empty where it is one fact about the whole."""

    @property
    def count(self) -> int:
        """How often it occurs."""
        return max(1, len(self.examples))


@dataclass(frozen=True)
class DataReport:
    """All findings of a check, errors first, and the size of the data."""

    counts: Mapping[str, int | str]
    """``train identities`` and the like -> number, in reading order."""
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> list[Finding]:
        """Findings that training or testing would stop at."""
        return [finding for finding in self.findings if finding.severity == "error"]


@dataclass
class FindingLog:
    """Collects problems and groups them by kind."""

    # The inner mapping is an ordered set: what two subsets share is found twice.
    _places: dict[tuple[Severity, str, str], dict[str, None]] = field(default_factory=dict)

    def error(self, problem: str, fix: str, place: str | None = None) -> None:
        """One occurrence of something that training or testing would stop at."""
        self._add("error", problem, fix, place)

    def warning(self, problem: str, fix: str, place: str | None = None) -> None:
        """One occurrence of something that is worth a look."""
        self._add("warning", problem, fix, place)

    def merge(self, other: FindingLog) -> None:
        """Add what another one has collected, as if it had been found here."""
        for kind, places in other._places.items():
            self._places.setdefault(kind, {}).update(places)

    def listed(self) -> Iterator[tuple[str, str, str, str | None]]:
        """Severity, problem, fix and place of everything, kind by kind."""
        for kind, places in self._places.items():
            yield from ((*kind, place) for place in places or (None,))

    def findings(self) -> tuple[Finding, ...]:
        """Errors, then warnings, each in the order of first occurrence."""
        found = [Finding(*kind, tuple(places)) for kind, places in self._places.items()]
        return tuple(sorted(found, key=lambda finding: finding.severity != "error"))

    def _add(self, severity: Severity, problem: str, fix: str, place: str | None) -> None:
        places = self._places.setdefault((severity, problem, fix), {})
        if place is not None:
            places[place] = None
