"""Transforms of joints to what the graph models and GaitTR take."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

import numpy as np

from gait_plugins.api import Stream, Transform
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.pose.transforms.joints import JointFormat, OfJoints, other_order, parents_of
from gait_plugins.skeleton import JointOrder, Keypoints
from gait_plugins.skeleton.orders import ORDERS, places

_SHORTEST = 1e-4
"""Pixels added to a bone before its direction is taken, as published."""


class GaitTRMultiInput(OfJoints):
    """Joints ``[t, v, 3]`` to GaitTR's ten channels ``[t, v, 10]``; the confidence is dropped.

    Pairs of x and y: the joint, the joint from joint 0 (the nose, in either order), its step to the next
    frame, its step to the next but one, and its bone to the parent. As published, both steps of the last two
    frames are 0, although the step from the last frame but one to the last is known: the layout is what
    published weights were trained on, so it stays so unless ``full`` is set.

    Args:
        joint_format: order of the joints; left out, that of the data.
        full: fill the step of the last frame but one. For networks that are trained with it.
    """

    def __init__(self, joint_format: JointFormat | None = None, full: bool = False) -> None:
        super().__init__(joint_format)
        self.full = full

    def changed(self, joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        parents = parents_of("GaitTRMultiInput", self.order_of(joints))
        at = joints[..., :2]
        out = np.zeros((*at.shape[:2], 5, 2), joints.dtype)
        out[:, :, 0] = at
        out[:, :, 1] = at - at[:, :1]
        _steps(at, out[:, :, 2], out[:, :, 3], self.full)
        out[:, :, 4] = at - at[:, parents]
        return out.reshape(*at.shape[:2], 10)

    def shape_of(self, joints: int) -> tuple[int, ...]:
        super().shape_of(joints)
        return joints, 10


class GaitGraphMultiInput(OfJoints):
    """Joints ``[t, v, 3]`` to GaitGraph2's three branches of five channels, ``[t, v, 3, 5]``.

    Branch 0, joints: x, y, confidence, x and y from the centre. Branch 1, motion: step to the next frame in x
    and y, 0, confidence, step to the next frame but one in y. Branch 2, bones: bone to the parent in x and y,
    0, confidence, angle of the bone to the y axis.

    So the published layout has two channels that are always 0, and the confidence stands where the longer
    step in x and the angle to the x axis belong; the last two frames have no motion. It is the input that
    published weights were trained on, and the default therefore.

    Args:
        center: the joint that others are seen from in branch 0.
        joint_format: order of the joints; left out, that of the data.
        full: the confidence in the empty channel, so that the longer step and the angle have both x and y;
            and the step of the last frame but one filled. For networks that are trained with it, with
            GaitGraph2's ``tta: false``: it makes its further clips in the published layout.
    """

    def __init__(self, center: int = 0, joint_format: JointFormat | None = None, full: bool = False) -> None:
        super().__init__(joint_format)
        if isinstance(center, bool) or center < 0:
            raise ConfigError(
                f"center of GaitGraphMultiInput is {center!r}, expected the place of a joint, 0 or more",
                where="GaitGraphMultiInput",
            )
        self.center = center
        self.full = full

    def changed(self, joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        parents = parents_of("GaitGraphMultiInput", self.order_of(joints))
        self.shape_of(joints.shape[1])
        at = joints[..., :2]
        out = np.zeros((*at.shape[:2], 3, 5), joints.dtype)
        out[:, :, 0, :3] = joints
        out[:, :, 0, 3:] = at - at[:, self.center : self.center + 1]
        _steps(at, out[:, :, 1, :2], out[:, :, 1, 3:], self.full)
        out[:, :, 2, :2] = at - at[:, parents]
        # Small angles are lost where their cosine has the seven digits of float32.
        bones = out[:, :, 2, :2].astype(np.float64)
        length = np.sqrt((bones**2).sum(-1, keepdims=True)) + _SHORTEST
        out[:, :, 2, 3:] = np.arccos(bones / length)
        out[:, :, 1:, 2 if self.full else 3] = joints[..., 2:]
        return out

    def shape_of(self, joints: int) -> tuple[int, ...]:
        super().shape_of(joints)
        if self.center >= joints:
            raise ConfigError(
                f"center of GaitGraphMultiInput is {self.center}, but there are {joints} joints (0 to "
                f"{joints - 1})",
                where="GaitGraphMultiInput",
            )
        return joints, 3, 5


class MSGGTransform(OfJoints):
    """Choose MSGG's 12 joints without a head, ``[t, 12, 3]``, by the order that the data have.

    Args:
        joint_format: order of the joints; left out, that of the data.
        published: parity with OpenGait, which looks at ``joint_format`` alone, ``coco`` where it is left out:
            its configuration for OU-MVLP takes the places of COCO's joints out of 18, and so a wrist for a
            shoulder.
    """

    ignored_options: ClassVar[Mapping[str, str]] = {
        "prob": "OpenGait ignores it too: 'joint_format' was meant; left out, the joints are chosen by the "
        "order of the data"
    }

    def __init__(self, joint_format: JointFormat | None = None, published: bool = False) -> None:
        super().__init__("coco" if published and joint_format is None else joint_format)
        self.published = published

    def changed(self, joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        order = self.order if self.published and self.order is not None else self.order_of(joints)
        chosen = _limbs(order)
        if chosen.max() >= joints.shape[1]:
            raise other_order("MSGGTransform", self.joint_format, order, joints.shape[1])
        return joints[:, chosen]

    def checked_count(self, joints: int) -> None:
        if not self.published:
            super().checked_count(joints)

    def shape_of(self, joints: int) -> tuple[int, ...]:
        super().shape_of(joints)
        return 12, 3


class _Transposed(Transform):
    """Frames ``[t, v, c]`` as ``[t, c, v, 1]``: what networks of joints take as channels first."""

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if sequence.ndim != 3:
            raise DataError(
                f"{type(self).__name__} takes joints [t, v, c], found frames of shape "
                f"{list(sequence.shape[1:])}",
                hint="it comes last, after the transforms of joints",
            )
        return sequence.swapaxes(1, 2)[..., None]

    def becomes(self, stream: Stream) -> Stream | None:
        """Channels first, and an axis of size 1."""
        if len(stream.shape) != 2:
            raise ConfigError(
                f"{type(self).__name__} takes joints [v, c], the stream {stream.name!r} has frames "
                f"{stream.described}",
                where=type(self).__name__,
                hint="it comes last, after the transforms of joints",
            )
        joints, channels = stream.shape
        return stream.changed(shape=(channels, joints, 1))

    def example_stream(self) -> Stream:
        return Keypoints("coco17")


class GaitGraph1Input(_Transposed):
    """Joints ``[t, v, 3]`` as GaitGraph1 takes them, ``[t, 3, v, 1]``: channels first."""


class SkeletonInput(_Transposed):
    """Joints ``[t, v, c]`` as GaitTR takes them, ``[t, c, v, 1]``: channels first."""


@cache
def _limbs(order: JointOrder) -> np.ndarray:
    """Places of MSGG's 12 joints in an order, int64 ``[12]``."""
    return np.array(places(ORDERS["limbs12"], order))


def _steps(at: np.ndarray, one: np.ndarray, two: np.ndarray, full: bool) -> None:
    """Steps of ``at`` ``[t, v, 2]`` to the next frame and to the next but one, into arrays of zeros."""
    if full:
        one[:-1] = at[1:] - at[:-1]
    else:
        one[:-2] = at[1:-1] - at[:-2]
    two[:-2] = at[2:] - at[:-2]
