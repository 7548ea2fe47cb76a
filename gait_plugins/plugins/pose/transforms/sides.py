"""Transforms of left and right, and of joints that were not found."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.plugins.pose.transforms.joints import JointFormat, OfJoints
from gait_plugins.skeleton import JointOrder


class MirrorPoses(OfJoints):
    """Mirror the walk left to right, with one draw for all frames.

    x is reflected about the mean x of the frame's joints that were found, and left and right joints change
    places: what was the left arm is the right one of the mirrored person. A joint that was not found
    (x = 0) stays so.

    Args:
        prob: probability of acting on a sequence.
        published: parity with OpenGait: left and right keep their places, and joints that were not found
            are reflected and counted in the mean like others.
    """

    published_in_place = True
    ignored_options: ClassVar[Mapping[str, str]] = {
        "probability": "OpenGait ignores it too: the option is called 'prob', 0.5 where it is left out"
    }

    def __init__(self, prob: float = 0.5, published: bool = False) -> None:
        super().__init__()
        self.prob = number_within("MirrorPoses", "prob", prob, 0, 1)
        self.published = published

    def changed(self, joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not rng.random() < self.prob:
            return joints
        if self.published:
            out = joints.copy()
            out[..., 0] = 2 * joints[..., 0].mean(1, keepdims=True) - joints[..., 0]
            return out
        out = joints[:, _other_side(self.order_of(joints))]
        found = out[..., 0] != 0
        centre = out[..., 0].sum(1, keepdims=True) / np.maximum(found.sum(1, keepdims=True), 1)
        out[..., 0] = np.where(found, (2 * centre - out[..., 0]).astype(out.dtype), 0)
        return out


class InversePosesPre(OfJoints):
    """Take left for right in single frames, as an estimator does; coordinates stay.

    Each frame is drawn by itself.

    Args:
        probability: probability of acting on a frame.
        joint_format: order of the joints; left out, that of the data.
    """

    published_in_place = True

    def __init__(self, probability: float = 0.5, joint_format: JointFormat | None = None) -> None:
        super().__init__(joint_format)
        self.probability = number_within("InversePosesPre", "probability", probability, 0, 1)

    def changed(self, joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        acts = rng.random(len(joints)) < self.probability
        other_side = _other_side(self.order_of(joints))
        if not acts.any():
            return joints
        out = joints.copy()
        out[acts] = joints[acts][:, other_side]
        return out


class NormalizeEmpty(OfJoints):
    """Put joints that were not found (x = 0) at the mean of the frame's others, with confidence 0.

    Only joints that were found count. A frame without any stays as it is, with confidence 0.

    Args:
        published: parity with OpenGait: joints are filled in their order, and the mean of each is over all
            of the frame's joints as they are then, zeros and those filled before included.
    """

    published_in_place = True

    def __init__(self, published: bool = False) -> None:
        super().__init__()
        self.published = published

    def changed(self, joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        absent = joints[..., 0] == 0
        if not absent.any():
            return joints
        if self.published:
            return _filled_in_order(joints, absent)
        out = joints.copy()
        found = ~absent[..., None]
        centre = (joints[..., :2] * found).sum(1, keepdims=True) / np.maximum(found.sum(1, keepdims=True), 1)
        any_found = found.any(1, keepdims=True)
        out[..., :2] = np.where(found | ~any_found, joints[..., :2], centre.astype(joints.dtype))
        out[absent, 2] = 0
        return out


@cache
def _other_side(order: JointOrder) -> np.ndarray:
    """For each joint the place of its counterpart, int64 ``[v]``."""
    return np.array(order.mirrored)


def _filled_in_order(joints: np.ndarray, absent: np.ndarray) -> np.ndarray:
    out = joints.copy()
    # Each joint's mean depends on those before it; the frames are done together.
    for joint in np.flatnonzero(absent.any(0)):
        frames = absent[:, joint]
        out[frames, joint, :2] = out[frames, :, :2].mean(1)
        out[frames, joint, 2] = 0
    return out
