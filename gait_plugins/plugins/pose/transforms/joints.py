"""Joints as the transforms take them: checked for their form and their order."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from gait_plugins.api import Stream, Transform
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.skeleton import Keypoints, joint_order
from gait_plugins.skeleton.bones import SKELETONS
from gait_plugins.skeleton.orders import JointOrder, order_of

JointFormat = Literal["coco", "alphapose", "openpose", "coco17", "17", "18"]
"""How configurations write the order of the joints; left out, it is that of the data."""


class OfJoints(Transform):
    """A transform of joints ``[t, v, 3]``: x, y in pixels and confidence.

    Args:
        joint_format: the order of the joints; None takes the one that has as many joints as the data.
    """

    published_in_place: ClassVar[bool] = False
    """Whether the published code writes its result into the array that it was given."""

    def __init__(self, joint_format: str | None = None) -> None:
        self.order = None if joint_format is None else joint_order(joint_format, type(self).__name__)
        self.joint_format = joint_format

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if sequence.ndim != 3 or sequence.shape[2] != 3:
            raise DataError(
                f"{type(self).__name__} takes joints of x, y and confidence [t, v, 3], "
                f"found frames of shape {list(sequence.shape[1:])}",
                hint="it belongs to keypoints; where the confidence is absent, write 1 for joints that were "
                "found and 0 for others",
            )
        return self.changed(sequence, rng)

    @abstractmethod
    def changed(self, joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The changed joints ``[t, v, 3]``, a new array where they differ."""

    def becomes(self, stream: Stream) -> Stream | None:
        """Frames of the same shape, unless a transform says otherwise.

        Raises:
            ConfigError: frames are no joints, or joints of another order than ``joint_format``.
        """
        shape = tuple(stream.shape)
        if len(shape) != 2 or shape[1] not in (3, str(shape[1])):
            raise ConfigError(
                f"{type(self).__name__} takes joints of x, y and confidence [v, 3], the stream "
                f"{stream.name!r} has frames {stream.described}",
                where=type(self).__name__,
                hint="leave the transform out, or give it the stream of keypoints",
            )
        if isinstance(shape[0], int):
            joints = self.shape_of(shape[0])
            return stream if joints == shape else stream.changed(shape=joints)
        return None

    def shape_of(self, joints: int) -> tuple[int, ...]:
        """The shape of a frame of so many joints afterwards; raises ``ConfigError`` for another order."""
        self.checked_count(joints)
        return joints, 3

    def checked_count(self, joints: int) -> None:
        """Raise ``ConfigError``, naming both orders, where ``joint_format`` has another number of joints."""
        if self.order is not None and len(self.order) != joints:
            raise other_order(type(self).__name__, self.joint_format, self.order, joints)

    def order_of(self, joints: np.ndarray) -> JointOrder:
        """The order of joints ``[t, v, ...]``.

        Raises:
            ConfigError: ``joint_format`` is another one.
            DataError: no order has so many joints.
        """
        self.checked_count(joints.shape[1])
        return self.order or order_of(joints.shape[1], type(self).__name__)

    def example_stream(self) -> Stream:
        return Keypoints("coco17")


def other_order(owner: str, given: str | None, order: JointOrder, joints: int) -> ConfigError:
    """The error of a configuration for another order of joints than the data's."""
    try:
        found = order_of(joints).title
    except DataError:
        found = f"{joints} joints"
    return ConfigError(
        f"joint_format of {owner} is {given!r} ({order.title}), but the data have {found}",
        where=owner,
        hint="set joint_format to the order of the data, or leave it out",
    )


def parents_of(owner: str, order: JointOrder) -> Sequence[int]:
    """For each joint the place of the joint that its bone leads to.

    Raises:
        ConfigError: the order has no bones.
    """
    known = SKELETONS.get(order.name)
    if known is None:
        raise ConfigError(
            f"{owner} knows no bones of {order.title}, only of coco and alphapose (openpose)",
            where=owner,
            hint="reorder the joints to 17 or 18 first",
        )
    return known.parents
