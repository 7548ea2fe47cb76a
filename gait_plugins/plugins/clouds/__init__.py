"""Gait from point clouds: LidarGait++, the transforms of clouds, and depth images for LidarGait."""

from __future__ import annotations

from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.clouds"


@hookimpl
def gait_models() -> Contribution:
    return {"LidarGaitPlusPlus": f"{_HERE}.models.lidargaitpp:LidarGaitPlusPlus"}
