"""Labels of the probes, which the type level of a walk says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SCOLIOSIS = ("negative", "neutral", "positive")
DEPRESSION = ("healthy", "depressed")


def scoliosis(types: Sequence[str]) -> list[int] | None:
    """Negative 0, neutral 1, positive 2; None where a type is none of them."""
    found = [SCOLIOSIS.index(kind) if kind in SCOLIOSIS else -1 for kind in types]
    return None if -1 in found else found


def depressed(types: Sequence[str]) -> list[int]:
    """1 where the type has a ``D``, else 0."""
    return [int("D" in kind) for kind in types]


def chosen_values(types: Sequence[str], attributes: Sequence[int]) -> np.ndarray | None:
    """The value of each attribute, int64 ``[n, attributes]``; None where a type does not say.

    Args:
        types: ``7_0_2``: a number that says nothing, then one for each attribute; what follows is not read.
        attributes: number of values of each attribute.
    """
    rows = [kind.split("_")[1 : len(attributes) + 1] for kind in types]
    if not all(len(row) == len(attributes) and all(map(str.isdecimal, row)) for row in rows):
        return None
    found = np.array(rows, dtype=np.int64).reshape(len(rows), len(attributes))
    return found if (found < np.asarray(attributes)).all() else None


def attribute_values(types: Sequence[str], attributes: Sequence[int]) -> np.ndarray | None:
    """Whether a walk has each value of each attribute, int64 0 or 1 ``[n, values]``; None as above."""
    found = chosen_values(types, attributes)
    if found is None:
        return None
    columns = [found[:, [place]] == np.arange(count) for place, count in enumerate(attributes)]
    return np.concatenate(columns, 1).astype(np.int64)
