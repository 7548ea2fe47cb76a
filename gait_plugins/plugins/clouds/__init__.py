"""Gait from point clouds: LidarGait++, the transforms of clouds, and depth images for LidarGait."""

from __future__ import annotations

from typing import Any

from gait_plugins.api import PublishedWork
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


@hookimpl
def gait_works() -> dict[str, PublishedWork]:
    opengait = "OpenGait: huggingface.co/opengait/OpenGait"
    academic = "OpenGait's README: academic purposes only"
    zoo = "OpenGait's model zoo"
    exact = "keys and outputs of the published code within rounding"
    return {
        "LidarGait": PublishedWork(
            "Shen et al., CVPR 2023",
            models=("Baseline",),
            streams=("depth",),
            configurations=("lidargait/",),
            weights=opengait,
            licence=academic,
            published=f"{zoo}; Rank-5 96.1",
            seen=f"{exact}; depth images of the published drawing up to some grey levels",
        ),
        "LidarGait++": PublishedWork(
            "Shen et al., CVPR 2025",
            models=("LidarGaitPlusPlus",),
            streams=("points",),
            configurations=("lidargaitpp/",),
            weights="none",
            licence="no weights",
            published="in the paper alone; OpenGait gives no figure",
            seen=exact,
        ),
    }
