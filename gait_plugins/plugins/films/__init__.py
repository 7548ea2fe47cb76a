"""People in films: background subtraction, films of masks, and a tracker that knows merged bodies."""

from __future__ import annotations

from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.films"


@hookimpl
def gait_segmenters() -> Contribution:
    return {
        "background": f"{_HERE}.background:Background",
        "masks": f"{_HERE}.instance_masks:InstanceMasks",
    }


@hookimpl
def gait_trackers() -> Contribution:
    return {"bodies": f"{_HERE}.tracking.tracker:BodyTracker"}
