"""Gait from pictures and features of them: GaitEdge, DenoisingGait, BigGait, BiggerGait, segmentation."""

from __future__ import annotations

from typing import Any

from gait_plugins.api import PublishedWork
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


@hookimpl
def gait_works() -> dict[str, PublishedWork]:
    opengait = "OpenGait: huggingface.co/opengait/OpenGait"
    academic = "OpenGait's README: academic purposes only"
    exact = "keys and outputs of the published code within rounding"
    return {
        "GaitEdge": PublishedWork(
            "Liang et al., ECCV 2022",
            models=("Segmentation", "GaitEdge"),
            streams=("rgb", "silhouettes", "ratios"),
            configurations=("gaitedge/",),
            weights=opengait,
            licence=academic,
            published="OpenGait's README of GaitEdge; its model zoo has NM 97.9, BG 96.1, CL 86.4",
            seen=exact,
            needs="for the joint training those of the segmentation and of GaitGL",
        ),
        "BigGait": PublishedWork(
            "Ye et al., CVPR 2024",
            models=("BigGait", "BigGaitMask"),
            streams=("rgb", "ratios"),
            configurations=("biggait/",),
            weights=opengait,
            licence=f"{academic}; DINOv2: Apache 2.0",
            published="in the paper alone (arXiv 2402.19122), on CCPG, CASIA-B* and SUSTech1K",
            seen=exact,
            needs="DINOv2 ViT-S/14 (Meta: dinov2_vits14_pretrain.pth)",
        ),
        "BiggerGait": PublishedWork(
            "Ye et al., NeurIPS 2025",
            models=("BiggerGait",),
            streams=("rgb",),
            configurations=("biggergait/",),
            weights=opengait,
            licence=f"{academic}; DINOv2: Apache 2.0",
            published="in the paper alone (arXiv 2505.18132), on CCPG, CASIA-B*, SUSTech1K and CCGR-MINI",
            seen=exact,
            needs="DINOv2 ViT-S/14 (Hugging Face: facebook/dinov2-small), and BigGait's mask branch",
        ),
        "DenoisingGait": PublishedWork(
            "Jin et al., CVPR 2025",
            models=("DenoisingGait",),
            streams=("latents", "silhouettes"),
            configurations=("denoisinggait/",),
            weights="none that OpenGait names",
            licence="Stable Diffusion 1.5: CreativeML Open RAIL-M",
            published="in the paper alone (arXiv 2505.18582), on CCPG, CASIA-B* and SUSTech1K",
            seen=exact,
            needs="to make its data Stable Diffusion 1.5, which is not run here; none after that",
        ),
    }
