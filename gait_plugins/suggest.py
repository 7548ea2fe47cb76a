"""Suggestions for misspelt names: the nearest ones, and "did you mean" in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str], count: int = 3, cutoff: float = 0.6) -> list[str]:
    """The candidates that a misspelt name may have meant, best first; case does not count.

    Args:
        name: what was written.
        candidates: what could have been meant.
        count: how many to return at most.
        cutoff: similarity that is needed, in [0, 1].
    """
    by_folded: dict[str, str] = {}
    for candidate in candidates:
        by_folded.setdefault(candidate.lower(), candidate)
    matches = difflib.get_close_matches(name.lower(), by_folded, n=count, cutoff=cutoff)
    return [by_folded[match] for match in matches]


def did_you_mean(name: str, candidates: Iterable[str], count: int = 1, *, also: str = "") -> str:
    """``did you mean 'TripletLoss'?``

    Args:
        name: what was written.
        candidates: what could have been meant.
        count: how many to name at most.
        also: a sentence that follows, or stands alone where no candidate is near.
    """
    guesses = nearest(name, candidates, count)
    question = f"did you mean {' or '.join(map(repr, guesses))}?" if guesses else ""
    return " ".join(filter(None, (question, also)))
