"""Random Linear Enhancement and cross-spectral person re-identification (arXiv 2411.01225)."""

from __future__ import annotations

from gait_plugins.api import PublishedWork
from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.rle"


@hookimpl
def gait_models() -> Contribution:
    return {"CrossSpectralNet": f"{_HERE}.models.network:CrossSpectralNet"}


@hookimpl
def gait_losses() -> Contribution:
    return {
        "PartsTripletLoss": f"{_HERE}.losses:PartsTripletLoss",
        "PartsCrossEntropyLoss": f"{_HERE}.losses:PartsCrossEntropyLoss",
    }


@hookimpl
def gait_batch_samplers() -> Contribution:
    return {"CrossSpectralSampler": f"{_HERE}.data.sampling:CrossSpectralSampler"}


@hookimpl
def gait_transforms() -> Contribution:
    return {
        "ModerateRLE": f"{_HERE}.augment.moderate:ModerateRLE",
        "RadicalRLE": f"{_HERE}.augment.radical:RadicalRLE",
        "RandomErasingRGB": f"{_HERE}.augment.erasing:RandomErasingRGB",
        "RandomGrayscale": f"{_HERE}.augment.framing:RandomGrayscale",
        "RandomPadCrop": f"{_HERE}.augment.framing:RandomPadCrop",
        "ImageNetNormalize": f"{_HERE}.augment.normalize:ImageNetNormalize",
    }


@hookimpl
def gait_datasets() -> Contribution:
    return {
        "SYSU-MM01": f"{_HERE}.data.sysu:SYSUMM01",
        "RegDB": f"{_HERE}.data.listed:RegDB",
        "LLCM": f"{_HERE}.data.listed:LLCM",
        "duo": f"{_HERE}.data.duo:Duo",
    }


@hookimpl
def gait_protocols() -> Contribution:
    return {
        "evaluate_cross_spectral": f"{_HERE}.protocols.cross_spectral:CrossSpectralProtocol",
        "evaluate_SYSU_MM01": f"{_HERE}.protocols.published:SYSUProtocol",
        "evaluate_RegDB": f"{_HERE}.protocols.published:RegDBProtocol",
        "evaluate_LLCM": f"{_HERE}.protocols.published:LLCMProtocol",
    }


@hookimpl
def gait_works() -> dict[str, PublishedWork]:
    return {
        "RLE": PublishedWork(
            "arXiv 2411.01225",
            models=("CrossSpectralNet",),
            streams=("visible", "thermal"),
            configurations=("rle/",),
            weights="none known here",
            licence="none stated; torchvision: BSD-3-Clause",
            published="in the paper, Rank-1 and mAP: SYSU-MM01 75.4, 72.4; RegDB 92.8, 88.6",
            seen="keys of the published code; its augmentation and scores within rounding",
            needs="ImageNet weights of torchvision's ResNet-50",
        ),
    }
