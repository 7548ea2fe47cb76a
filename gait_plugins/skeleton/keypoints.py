"""Keypoints as a stream: joints of a declared order, with confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gait_plugins.api.report import FindingLog
from gait_plugins.api.stream import Axis, Stream
from gait_plugins.errors import DataError
from gait_plugins.io.printable import printable
from gait_plugins.io.ragged import Frames
from gait_plugins.skeleton.orders import ORDERS, JointOrder, joint_order

Joints = Literal["coco17", "18", "25", "limbs12", "coco", "17", "alphapose", "openpose", "body25", "any"]


class Keypoints(Stream):
    """Joints of the body in the picture, ``[joints, 3]``: x, y in pixels, confidence.

    Args:
        joints: their order: ``coco17``; ``18`` (AlphaPose, OpenPose with a neck); ``25`` (OpenPose's
            BODY_25); ``limbs12`` (MSGG). ``coco``, ``alphapose`` and ``openpose`` mean what OpenGait means.
            ``any``: what the files have, told by the number of joints.
        clock: frames per second, or the name of the stream in step with it.
    """

    def __init__(self, joints: Joints = "coco17", clock: float | str | None = None) -> None:
        order = None if joints == "any" else joint_order(joints)
        said = "joints in any known order" if order is None else order.described
        about = f"x, y in pixels and confidence; {said}; a joint that was not found is 0"
        count = "joints" if order is None else len(order)
        super().__init__("keypoints", (count, 3), "float32", clock=clock, about=about)

    def misfit(self, given: Stream) -> str | None:
        """As of any stream; an order of joints that is another one is named beside the expected one."""
        ours, theirs = self.order, _by_number(given.shape)
        if ours is not None and theirs is not None and ours != theirs:
            return f"joints of another order, {theirs.title}, expected {ours.title}"
        return super().misfit(given)

    def checked(self, frames: Frames, where: str) -> Frames:
        """As of any stream; frames of another order, or without confidence, are named as such."""
        shape = frames.shape[1:] if isinstance(frames, np.ndarray) else ()
        expected = self.order
        found = _by_number(shape)
        if found is not None and expected is not None and found != expected:
            raise DataError(
                f"the stream {self.name!r} holds {found.title}, expected {expected.title}",
                where=printable(where),
                hint=_other_order_hint(found, expected),
            )
        if expected is not None and shape == (len(expected), 2):
            raise DataError(
                f"the stream {self.name!r} holds x and y without confidence",
                where=printable(where),
                hint="write a third column: the estimator's confidence, or 1 for joints that were found, 0 "
                "for others",
            )
        return super().checked(frames, where)

    def examine(self, frames: Frames, name: str, log: FindingLog) -> None:
        """Frames in which no joint was found, and joints that were found in none."""
        if not isinstance(frames, np.ndarray) or frames.ndim != 3:
            return
        found = (frames[..., :2] != 0).any(-1)
        empty = np.count_nonzero(~found.any(1))
        if empty:
            log.warning(
                "sequences hold frames in which no joint was found",
                "leave these frames out: data prepare ROOT NEW --to keypoints does",
                f"{name} ({empty} of {len(frames)} frames)",
            )
        never = np.flatnonzero(~found.any(0))
        if len(never) and found.any():
            log.warning(
                "sequences lack a joint in all frames",
                "take another estimator's poses, or a model without these joints",
                f"{name} ({self._names(never, found.shape[1])})",
            )

    def _names(self, places: np.ndarray, count: int) -> str:
        order = _by_number((count,))
        return ", ".join(str(p) if order is None else order.joints[p].replace("_", " ") for p in places)

    @property
    def order(self) -> JointOrder | None:
        """The order of its joints, by their number."""
        return _by_number(self.shape)


def _other_order_hint(found: JointOrder, expected: JointOrder) -> str:
    """What to do about files that hold other joints."""
    declare = f"say which joints the files hold (joints: {found.name}), and choose a model for them"
    if set(expected.joints) <= set(found.joints):
        return f"{declare}; or data prepare ROOT NEW --to keypoints --reorder {expected.name}"
    return declare


def _by_number(shape: Sequence[Axis]) -> JointOrder | None:
    """The order of joints in frames ``[joints, ...]``; None where they are no joints that are known."""
    return next((order for order in ORDERS.values() if shape and shape[0] == len(order)), None)
