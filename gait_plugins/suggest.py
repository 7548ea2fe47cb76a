"""Suggestions for misspelt names: the nearest ones, and "did you mean" in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

WITHIN = 0.12
"""How much less similar than the best candidate another one may be."""


def nearest(name: str, candidates: Iterable[str], count: int = 3, cutoff: float = 0.65) -> list[str]:
    """The candidates that a misspelt name may have meant, best first; case does not count.

    Where one is much nearer than the others, it is the only one.

    Args:
        name: what was written.
        candidates: what could have been meant.
        count: how many to return at most.
        cutoff: similarity that is needed, in [0, 1].
    """
    by_folded: dict[str, str] = {}
    for candidate in candidates:
        by_folded.setdefault(candidate.lower(), candidate)
    folded = name.lower()
    matches = difflib.get_close_matches(folded, by_folded, n=count, cutoff=cutoff)
    likeness = [difflib.SequenceMatcher(a=match, b=folded).ratio() for match in matches]
    return [by_folded[m] for m, like in zip(matches, likeness, strict=True) if like >= likeness[0] - WITHIN]


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
