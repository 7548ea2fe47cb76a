"""Two views of a sequence, by the same transforms with draws of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from gait_plugins.api import Stream, Transform
from gait_plugins.api.transform import becomes_after
from gait_plugins.errors import DataError
from gait_plugins.skeleton import Keypoints


class TwoView(Transform):
    """Run the transforms twice and join both results in time: ``[2t, ...]``, the first view first.

    In a test they run once: there is one view.

    Args:
        trf_cfg: the transforms, first to last.
        published: parity with OpenGait, where the second view begins with what the first one left behind:
            its steps write into the array that they are given (InversePosesPre, MirrorPoses, NormalizeEmpty,
            RandomMove), so that frames that were swapped or mirrored for the first view still are.
    """

    def __init__(self, trf_cfg: list[Transform], published: bool = False) -> None:
        self.transforms = list(trf_cfg)
        self.published = published
        self._views = 2
        self.divisor = float(np.prod([transform.divisor for transform in self.transforms]))
        self.fewest_frames = max((t.fewest_frames for t in self.transforms), default=1)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"trf_cfg": [{"type": "FlipSequence"}, {"type": "JointNoise"}, {"type": "GaitGraph1Input"}]}

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        given = sequence.copy() if self.published else sequence
        views = [self._view(given, rng) for _ in range(self._views)]
        one, other = views[0].shape[1:], views[-1].shape[1:]
        if one != other:
            raise DataError(
                f"the two views have frames of shape {list(one)} and {list(other)}",
                where="TwoView",
                hint="give it transforms that always make frames of one shape",
            )
        return np.concatenate(views)

    def _view(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for transform in self.transforms:
            made = transform(sequence, rng)
            if self.published and getattr(transform, "published_in_place", False):
                sequence[...] = made
            else:
                sequence = made
        return sequence

    def becomes(self, stream: Stream) -> Stream | None:
        """Frames as the transforms leave them; in training their number is doubled."""
        return becomes_after(self.transforms, stream)

    def at_test(self) -> Transform:
        """One view, by transforms as a test has them."""
        alone = TwoView([transform.at_test() for transform in self.transforms], self.published)
        alone._views = 1
        return alone

    def example_stream(self) -> Stream:
        return Keypoints("coco17")
