"""Gait from pictures and from a diffusion model's features of them: GaitEdge, DenoisingGait, segmentation."""

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
    }


@hookimpl
def gait_backbones() -> Contribution:
    return {"U_Net": f"{_HERE}.models.unet:UNet"}


@hookimpl
def gait_transforms() -> Contribution:
    return {"BaseRgbTransform": f"{_HERE}.transforms:BaseRgbTransform"}


@hookimpl
def gait_protocols() -> Contribution:
    return {"evaluate_segmentation": f"{_HERE}.protocol:SegmentationProtocol"}


@hookimpl
def gait_configure(config: dict[str, Any]) -> None:
    """What OpenGait's files of these models leave to its code, and what they write in vain."""
    from gait_plugins.plugins.colour import config_compat

    config_compat.name_recogniser(config)
    config_compat.start_from_both(config)
    config_compat.set_input_aside(config)
