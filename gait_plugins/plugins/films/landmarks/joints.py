"""Joints by a pose-landmark model, in the order of COCO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from gait_plugins.api.video.components import PoseEstimator
from gait_plugins.api.video.frames import FilmFrame
from gait_plugins.api.video.people import Detection
from gait_plugins.plugins.films.landmarks.bodies import Posed
from gait_plugins.plugins.films.landmarks.net import LandmarkNet, Square
from gait_plugins.plugins.films.landmarks.pose_mask import MARGIN
from gait_plugins.skeleton.orders import JointOrder, joint_order, places

_NAMES = (
    "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear "
    "right_ear mouth_left mouth_right left_shoulder right_shoulder left_elbow right_elbow left_wrist "
    "right_wrist left_pinky right_pinky left_index right_index left_thumb right_thumb left_hip right_hip "
    "left_knee right_knee left_ankle right_ankle left_heel right_heel left_foot right_foot"
)
BLAZEPOSE = JointOrder("blazepose", "BlazePose's 33 joints", tuple(_NAMES.split()))
"""The order in which the models give them."""


class PoseMaskJoints(PoseEstimator):
    """The joints of people, by a pose-landmark model of MediaPipe (BlazePose), in the order of COCO.

    The 17 joints of COCO are among the 33 of the model. The confidence of a joint is that it is in the
    square around the person and not hidden. Where the segmenter is ``pose_mask``, the joints are those that
    it has seen already, and cost nothing.

    Args:
        path: the model, a .tflite file: ``pose_landmark_lite``, ``full`` or ``heavy`` of MediaPipe.
    """

    order: ClassVar[str] = "coco17"
    joints: ClassVar[int] = 17

    def __init__(self, path: str) -> None:
        self.net = LandmarkNet(path)
        self._places = places(joint_order(self.order), BLAZEPOSE)

    def keypoints(self, frame: FilmFrame, people: Sequence[Detection]) -> np.ndarray:
        """See the base class."""
        found = np.zeros((len(people), self.joints, 3), np.float32)
        for place, person in enumerate(people):
            known = person.joints if isinstance(person, Posed) else None
            if known is None:
                known = self.net.look(frame.pixels, Square.around(person.box, MARGIN)).joints
            found[place] = known[self._places]
        return found
