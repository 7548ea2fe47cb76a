"""A joint transform: several streams of a sequence, changed by the same draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gait_plugins import SILHOUETTES, JointTransform, Stream


class ExampleJointTransform(JointTransform):
    """Mirrors the pictures of several streams, or those of none.

    Args:
        prob: probability that a sequence is mirrored.
        pictures: names of the streams, each of frames whose last axis is the width.
    """

    def __init__(self, prob: float = 0.5, pictures: list[str] | None = None) -> None:
        self.prob = prob
        self.pictures = tuple(pictures or ["silhouettes"])

    @property
    def streams(self) -> tuple[str, ...]:
        """Those that are mirrored."""
        return self.pictures

    def __call__(self, clips: Mapping[str, Any], rng: np.random.Generator) -> Mapping[str, Any]:
        """The frames of each stream in, those that were changed out. One draw decides for all."""
        if rng.random() >= self.prob:
            return {}
        return {name: np.ascontiguousarray(clips[name][..., ::-1]) for name in self.pictures}

    def example_streams(self) -> tuple[Stream, ...]:
        """Silhouettes under each of the names."""
        return tuple(SILHOUETTES.changed(name=name) for name in self.pictures)
