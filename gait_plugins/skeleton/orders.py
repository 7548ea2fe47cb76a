"""Orders of joints: which joint is where in a file, its left and right, its bones, and the way to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gait_plugins.errors import ConfigError, DataError
from gait_plugins.suggest import did_you_mean

_COCO = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow "
    "left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
)
_NECK = (
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip "
    "right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear"
)
_BODY25 = (
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist middle_hip "
    "right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear "
    "left_ear left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel"
)
_LIMBS = (
    "right_shoulder right_elbow right_knee right_hip left_elbow left_knee left_shoulder right_wrist "
    "right_ankle left_hip left_wrist left_ankle"
)


@dataclass(frozen=True)
class JointOrder:
    """An order of joints.

    Args:
        name: as configurations write it.
        title: as people call it.
        joints: names, in their order.
    """

    name: str
    title: str
    joints: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Place of a joint."""
        return self.joints.index(joint)

    @property
    def mirrored(self) -> tuple[int, ...]:
        """For each joint the place of its counterpart on the other side; its own in the middle."""
        return tuple(self.index(_other_side(joint)) for joint in self.joints)

    @property
    def described(self) -> str:
        """Title and joints in a line, for messages."""
        return f"{self.title}: {', '.join(joint.replace('_', ' ') for joint in self.joints)}"


def _other_side(joint: str) -> str:
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if joint.startswith(side):
            return other + joint.removeprefix(side)
    return joint


ORDERS = {
    order.name: order
    for order in (
        JointOrder("coco17", "COCO's 17 joints", tuple(_COCO.split())),
        JointOrder("18", "18 joints with a neck (AlphaPose, OpenPose)", tuple(_NECK.split())),
        JointOrder("25", "OpenPose's 25 joints (BODY_25)", tuple(_BODY25.split())),
        JointOrder("limbs12", "12 joints without a head (MSGG)", tuple(_LIMBS.split())),
    )
}
"""Name of an order -> its joints."""
ALIASES = {"coco": "coco17", "17": "coco17", "alphapose": "18", "openpose": "18", "body25": "25"}
"""Other names that are written for the orders; OpenGait's ``joint_format`` among them."""


def joint_order(name: Any, where: str | None = None) -> JointOrder:
    """The order of this name or alias.

    Raises:
        ConfigError: there is none.
    """
    found = ORDERS.get(ALIASES.get(str(name), str(name)))
    if found is None:
        known = [*ORDERS, *ALIASES]
        raise ConfigError(
            f"there is no order of joints {name!r}, expected one of {', '.join(known)}",
            where=where,
            hint=did_you_mean(str(name), known),
        )
    return found


def order_of(count: int, where: str | None = None) -> JointOrder:
    """The order that has this many joints.

    Raises:
        DataError: none has.
    """
    for order in ORDERS.values():
        if len(order) == count:
            return order
    counts = ", ".join(f"{len(order)} ({order.title})" for order in ORDERS.values())
    raise DataError(
        f"there are {count} joints in a frame, expected {counts}",
        where=where,
        hint="write the joints of another order in one of these",
    )


def places(wanted: JointOrder, given: JointOrder) -> list[int]:
    """For each joint of ``wanted`` its place in ``given``.

    Raises:
        ConfigError: ``given`` lacks joints.
    """
    absent = [joint for joint in wanted.joints if joint not in given.joints]
    if absent:
        raise ConfigError(
            f"{given.title} hold no {_listed(absent)}, which {wanted.title} need",
            hint="choose an order of joints that the data have",
        )
    return [given.index(joint) for joint in wanted.joints]


def reorder(points: np.ndarray, given: JointOrder, wanted: JointOrder) -> np.ndarray:
    """Joints ``[..., v, c]`` of one order in another, a copy.

    Raises:
        ConfigError: ``given`` lacks joints of ``wanted``.
    """
    return points[..., places(wanted, given), :]


def _listed(joints: Sequence[str]) -> str:
    return ", ".join(joint.replace("_", " ") for joint in joints)
