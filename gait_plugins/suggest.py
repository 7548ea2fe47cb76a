"""Suggestions for misspelt names: the nearest ones, and "did you mean" in words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

WITHIN = 0.12
"""How much less similar than the best candidate another one may be."""
_STEM = 3
"""Letters that a shortened word has at least."""


def nearest(name: str, candidates: Iterable[str], count: int = 3, cutoff: float = 0.65) -> list[str]:
    """The candidates that a misspelt name may have meant, best first; case does not count.

    Where one is much nearer than the others, it is the only one. Where none is like the name, it may be a
    longer or shorter form of one: ``learning_rate`` of ``lr``, ``evaluation_function`` of ``eval_func``.

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
    if not matches:
        return [spelt for short, spelt in by_folded.items() if _shortens(short, folded)][:count]
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


def _shortens(one: str, other: str) -> bool:
    """Whether one of two names is the other with shorter words, or its initials."""
    ours, theirs = (re.split(r"[_\-.\s]+", name) for name in (one, other))
    if len(ours) == len(theirs):
        pairs = (sorted(pair, key=len) for pair in zip(ours, theirs, strict=True))
        return all(len(short) >= _STEM and full.startswith(short) for short, full in pairs)
    long, short = (ours, other) if len(theirs) == 1 else (theirs, one)
    return len(long) > 1 and len(short) > 1 and "".join(word[:1] for word in long) == short
