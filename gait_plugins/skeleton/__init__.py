"""Skeletons: the orders of joints that the field's files have, and streams of keypoints."""

from gait_plugins.skeleton.keypoints import Keypoints
from gait_plugins.skeleton.orders import ORDERS, JointOrder, joint_order, reorder

__all__ = ["ORDERS", "JointOrder", "Keypoints", "joint_order", "reorder"]
