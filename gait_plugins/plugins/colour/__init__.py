"""Gait from pictures and features of them: GaitEdge, DenoisingGait, BigGait, BiggerGait, segmentation."""

from __future__ import annotations

from typing import Any

from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.colour"


@hookimpl
def gait_models() -> Contribution:
    return {
        "Segmentation": f"{_HERE}.models.segmentation:Segmentation",
        "GaitEdge": f"{_HERE}.models.gaitedge:GaitEdge",
        "DenoisingGait": f"{_HERE}.models.denoising:DenoisingGait",
        "BigGait": f"{_HERE}.biggait.model:BigGait",
        "BigGaitMask": f"{_HERE}.biggait.model:BigGaitMask",
        "BiggerGait": f"{_HERE}.biggait.bigger:BiggerGait",
    }


@hookimpl
def gait_backbones() -> Contribution:
    return {
        "U_Net": f"{_HERE}.models.unet:UNet",
        "DINOv2": f"{_HERE}.features.vit:DINOv2",
        "Dinov2Model": f"{_HERE}.features.vit:Dinov2Model",
        "TinyDINOv2": f"{_HERE}.features.vit:TinyDINOv2",
    }


@hookimpl
def gait_transforms() -> Contribution:
    return {name: f"{_HERE}.transforms:{name}" for name in ("BaseRgbTransform", "Rearrange", "RatioHW")}


@hookimpl
def gait_protocols() -> Contribution:
    return {"evaluate_segmentation": f"{_HERE}.protocol:SegmentationProtocol"}


@hookimpl
def gait_configure(config: dict[str, Any]) -> None:
    """What OpenGait's files of these models leave to its code, and what they write in vain."""
    from gait_plugins.plugins.colour import big_compat, config_compat

    big_compat.name_parts(config)
    config_compat.name_recogniser(config)
    config_compat.start_from_both(config)
    config_compat.set_input_aside(config)
    big_compat.declare_sizes(config)
