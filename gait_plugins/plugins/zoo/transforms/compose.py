"""Several transforms in a row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gait_plugins.api import Transform


class Compose(Transform):
    """Apply transforms one after the other; their divisors multiply.

    Args:
        trf_cfg: the transforms, first to last.
    """

    def __init__(self, trf_cfg: list[Transform]) -> None:
        self.transforms = list(trf_cfg)
        self.divisor = math.prod(transform.divisor for transform in self.transforms)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"trf_cfg": [{"type": "RandomHorizontalFlip"}, {"type": "BaseSilCuttingTransform"}]}

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for transform in self.transforms:
            sequence = transform(sequence, rng)
        return sequence
