"""Poses: files of keypoints in their many forms, and the maps that are drawn of them."""

from gait_plugins.prepare.poses.maps import MapRule, skeleton_maps

__all__ = ["MapRule", "skeleton_maps"]
