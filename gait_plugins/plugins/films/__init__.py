"""People in films: background subtraction, films of masks, models in files, and a tracker of bodies."""

from __future__ import annotations

from importlib.util import find_spec

from gait_plugins.hookspecs import Contribution, Offer, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.films"


@hookimpl
def gait_segmenters() -> Contribution:
    needed = "needs ONNX Runtime: pip install 'gait-plugins-trackletgait[video]'"
    missing = "" if find_spec("onnxruntime") else needed
    return {
        "background": f"{_HERE}.background:Background",
        "masks": f"{_HERE}.instance_masks:InstanceMasks",
        "onnx": Offer(f"{_HERE}.onnx_models.people:OnnxPeople", missing=missing),
        "pose_mask": f"{_HERE}.landmarks.pose_mask:PoseMask",
    }


@hookimpl
def gait_trackers() -> Contribution:
    return {"bodies": f"{_HERE}.tracking.tracker:BodyTracker"}


@hookimpl
def gait_pose_estimators() -> Contribution:
    return {"pose_mask": f"{_HERE}.landmarks.joints:PoseMaskJoints"}
