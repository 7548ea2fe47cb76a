"""Several transforms in a row, or none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from gait_plugins.api import Stream, Transform
from gait_plugins.api.transform import becomes_after
from gait_plugins.plugins.zoo.transforms.augment import RandomHorizontalFlip
from gait_plugins.plugins.zoo.transforms.lanes import Clip, frames_of
from gait_plugins.plugins.zoo.transforms.silhouette import BaseSilCuttingTransform, BaseSilTransform
from gait_plugins.plugins.zoo.transforms.warp import RandomAffine, RandomPerspective, RandomRotate

_IN_LANES: frozenset[type] = frozenset(
    {RandomAffine, RandomPerspective, RandomRotate}
    | {RandomHorizontalFlip, BaseSilCuttingTransform, BaseSilTransform}
)
"""Those that take frames in lanes, and leave them there. These very classes: a subclass may do otherwise."""


class _InLanes(Protocol):
    def in_lanes(self, clip: Clip, rng: np.random.Generator) -> Clip: ...


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
        return self.with_targets(sequence, rng)[0]

    def with_targets(
        self, sequence: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, Mapping[str, Any]]:
        changed, found = in_a_row(self.transforms, sequence, rng)
        targets: dict[str, Any] = {}
        for known in found:
            targets.update(known)
        return changed, targets

    def becomes(self, stream: Stream) -> Stream | None:
        """Frames as the last of them leaves them; None after one that does not say."""
        return becomes_after(self.transforms, stream)

    def at_test(self) -> Transform:
        """The same in a row, each as a test has it."""
        return Compose([transform.at_test() for transform in self.transforms])


def in_a_row(
    transforms: Iterable[Transform], sequence: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, list[Mapping[str, Any]]]:
    """Frames after one transform and the next, and what each of them knows.

    Between transforms that can do with it, frames stay in lanes: each would bring them there and back, which
    takes as long as a third of a warp.
    """
    clip: Clip = sequence
    targets = []
    for transform in transforms:
        if type(transform) in _IN_LANES:
            able: _InLanes = transform  # type: ignore[assignment]
            clip = able.in_lanes(clip, rng)
        else:
            clip, known = transform.with_targets(frames_of(clip), rng)
            targets.append(known)
    return frames_of(clip), targets


class NoOperation(Transform):
    """Leave the frames as they are."""

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return sequence

    def becomes(self, stream: Stream) -> Stream | None:
        """The same frames."""
        return stream
