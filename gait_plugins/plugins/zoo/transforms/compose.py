"""Several transforms in a row, or none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gait_plugins.api import Stream, Transform
from gait_plugins.api.transform import becomes_after


class Compose(Transform):
    """Apply transforms one after the other; their divisors multiply.

    Args:
        trf_cfg: the transforms, first to last.
    """

    def __init__(self, trf_cfg: list[Transform]) -> None:
        self.transforms = list(trf_cfg)
        self.divisor = math.prod(transform.divisor for transform in self.transforms)
        self.copies = math.prod(transform.copies for transform in self.transforms)
        self.fewest_frames = max((t.fewest_frames for t in self.transforms), default=1)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"trf_cfg": [{"type": "RandomHorizontalFlip"}, {"type": "BaseSilCuttingTransform"}]}

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for transform in self.transforms:
            sequence = transform(sequence, rng)
        return sequence

    def with_targets(
        self, sequence: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, Mapping[str, Any]]:
        targets: dict[str, Any] = {}
        for transform in self.transforms:
            sequence, found = transform.with_targets(sequence, rng)
            targets.update(found)
        return sequence, targets

    def becomes(self, stream: Stream) -> Stream | None:
        """Frames as the last of them leaves them; None after one that does not say."""
        return becomes_after(self.transforms, stream)

    def at_test(self) -> Transform:
        """The same in a row, each as a test has it."""
        return Compose([transform.at_test() for transform in self.transforms])


class NoOperation(Transform):
    """Leave the frames as they are."""

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return sequence

    def becomes(self, stream: Stream) -> Stream | None:
        """The same frames."""
        return stream
