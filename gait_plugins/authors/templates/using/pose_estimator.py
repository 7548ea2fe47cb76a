"""A pose estimator: people of a frame to their joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gait_plugins import Detection, FilmFrame, PoseEstimator

HEIGHTS = (0.07, 0.05, 0.05, 0.06, 0.06, 0.19, 0.19, 0.36, 0.36, 0.5, 0.5, 0.52, 0.52, 0.74, 0.74, 0.96, 0.96)
"""Where the joints of COCO's order lie between the top of the head, 0, and the ground, 1."""


class ExamplePoseEstimator(PoseEstimator):
    """Joints by the proportions of a body, in the middle of its outline: a stand-in for a network.

    Args:
        confidence: what is said of each joint, in [0, 1].
    """

    def __init__(self, confidence: float = 0.3) -> None:
        self.confidence = confidence

    def keypoints(self, frame: FilmFrame, people: Sequence[Detection]) -> np.ndarray:
        """Column, row and confidence of 17 joints of each person, float32 ``[n, 17, 3]``."""
        found = np.zeros((len(people), self.joints, 3), np.float32)
        for joints, person in zip(found, people, strict=True):
            rows = (np.array(HEIGHTS) * (person.height - 1)).round().astype(int)
            for joint, row in zip(joints, rows, strict=True):
                columns = np.flatnonzero(person.mask[row] > 127)
                middle = columns.mean() if len(columns) else person.width / 2
                joint[:] = person.left + middle, person.top + row, self.confidence if len(columns) else 0
        return found
