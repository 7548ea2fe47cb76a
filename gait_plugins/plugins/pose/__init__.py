"""Gait from keypoints: GaitGraph, GaitTR, MSGG, and the transforms of joints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gait_plugins.hookspecs import Contribution, hookimpl

if TYPE_CHECKING:
    from gait_plugins.api import PublishedWork

requires_api = 1
_HERE = "gait_plugins.plugins.pose"


@hookimpl
def gait_models() -> Contribution:
    return {
        "GaitGraph1": f"{_HERE}.models.gaitgraph:GaitGraph1",
        "GaitGraph2": f"{_HERE}.models.gaitgraph:GaitGraph2",
        "GaitTR": f"{_HERE}.models.gaittr:GaitTR",
        "MultiScaleGaitGraph": f"{_HERE}.models.msgg:MultiScaleGaitGraph",
    }


@hookimpl
def gait_transforms() -> Contribution:
    modules = {
        "clips": "RandomSelectSequence SelectSequenceCenter FlipSequence",
        "sides": "MirrorPoses InversePosesPre NormalizeEmpty",
        "noise": "PointNoise JointNoise RandomMove",
        "inputs": "GaitTRMultiInput GaitGraphMultiInput GaitGraph1Input SkeletonInput MSGGTransform",
        "two_view": "TwoView",
    }
    return {
        name: f"{_HERE}.transforms.{module}:{name}"
        for module, names in modules.items()
        for name in names.split()
    }


@hookimpl
def gait_works() -> dict[str, PublishedWork]:
    from gait_plugins.plugins.pose.works import WORKS

    return WORKS
