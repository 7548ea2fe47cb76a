"""Labels of a score: direction, gallery size, trials, mean and deviation, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.rle.modality import THERMAL, VISIBLE, Modality

Direction = Literal["visible_to_thermal", "thermal_to_visible"]
BOTH: tuple[Direction, ...] = ("visible_to_thermal", "thermal_to_visible")


def direction_of(direction: Direction, shots: int) -> dict[str, Any]:
    """Name, key and modalities of a mode."""
    if direction not in BOTH:
        raise ConfigError(f"unknown direction {direction!r}", hint=f"choose from {', '.join(BOTH)}")
    query, gallery = (VISIBLE, THERMAL) if direction == BOTH[0] else (THERMAL, VISIBLE)
    name = f"{query} to {gallery}, {shots_in_words(shots)}"
    return {"name": name, "key": _short(query, gallery), "query": query, "gallery": gallery}


def shots_in_words(shots: int) -> str:
    """The customary word for the size of a gallery."""
    return {0: "all images", 1: "single-shot"}.get(shots, f"multi-shot ({shots})")


def trials_in_words(trials: int) -> str:
    """``10 trials``."""
    return f"{trials} trial{'s' * (trials != 1)}"


def spread(values: Sequence[float]) -> str:
    """Mean and deviation with two decimals; the mean alone of a single value."""
    apart = deviation(values)
    return f"{np.mean(values):.2f}" + ("" if apart is None else f" ± {apart:.2f}")


def deviation(values: Sequence[float]) -> float | None:
    """The sample's standard deviation; None of a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def checked_counts(owner: str, *, least: int | None = None, **counts: int) -> None:
    """Raise ``ConfigError`` where trials are fewer than 1 or shots fewer than 0."""
    for name, value in counts.items():
        low = least if least is not None else 0 if name == "shots" else 1
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise ConfigError(f"{name} is {value!r}, expected a whole number >= {low}", where=owner)


def _short(query: Modality, gallery: Modality) -> str:
    return f"{query[0].upper()}2{gallery[0].upper()}"
