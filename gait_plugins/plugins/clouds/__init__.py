"""Gait from point clouds: LidarGait++, the transforms of clouds, and depth images for LidarGait."""

from __future__ import annotations

from typing import Any

from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.clouds"


@hookimpl
def gait_models() -> Contribution:
    return {"LidarGaitPlusPlus": f"{_HERE}.models.lidargaitpp:LidarGaitPlusPlus"}


@hookimpl
def gait_transforms() -> Contribution:
    return {
        "DepthImages": f"{_HERE}.transforms.depth:DepthImages",
        "PointCloudsTransform": f"{_HERE}.transforms.points:PointCloudsTransform",
        "SamplePoints": f"{_HERE}.transforms.sampling:SamplePoints",
    }


@hookimpl
def gait_configure(config: dict[str, Any]) -> None:
    """What OpenGait's files ask of the sampler: so many points of each cloud."""
    from gait_plugins.plugins.clouds.config_compat import sample_points

    sample_points(config)
