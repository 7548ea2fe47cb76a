"""What the random transforms share: whether they act, and the checks of their options."""

from __future__ import annotations

import numpy as np

from gait_plugins.api import Transform
from gait_plugins.errors import ConfigError


class WithProbability(Transform):
    """A transform that acts on a sequence with probability ``prob``, by one draw for all its frames."""

    def __init__(self, prob: float) -> None:
        self.prob = checked_range(type(self).__name__, "prob", prob, 0, 1)

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.apply(sequence, rng) if rng.random() < self.prob else sequence

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The changed frames, whatever ``prob`` says."""
        raise NotImplementedError(f"{type(self).__name__} must define apply(sequence, rng)")


def checked_range(owner: str, option: str, value: float, low: float, high: float) -> float:
    """``value`` as a float where it lies in ``[low, high]``.

    Raises:
        ConfigError: it does not; names the transform and the option.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ConfigError(
            f"{option} of {owner} is {value!r}, expected a number from {low:g} to {high:g}", where=owner
        )
    return float(value)
