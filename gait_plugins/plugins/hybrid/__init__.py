"""Hybrid gait re-identification: self-supervised, supervised, both (Torres and Canto, 2025)."""

from __future__ import annotations

from gait_plugins.api import PublishedWork
from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.hybrid"


@hookimpl
def gait_models() -> Contribution:
    return {
        "GaitBackbone": f"{_HERE}.backbone:GaitBackbone",
        "SupervisedReIDModel": f"{_HERE}.reid:SupervisedReIDModel",
        "HybridGaitModel": f"{_HERE}.reid:HybridGaitModel",
        "SimCLR": f"{_HERE}.simclr:SimCLR",
    }


@hookimpl
def gait_losses() -> Contribution:
    return {
        "BatchHardTripletLoss": f"{_HERE}.batch_hard:BatchHardTripletLoss",
        "NTXentLoss": f"{_HERE}.ntxent:NTXentLoss",
    }


@hookimpl
def gait_transforms() -> Contribution:
    return {
        "RandomGaussianBlur": f"{_HERE}.augment:RandomGaussianBlur",
        "RandomResizedCrop": f"{_HERE}.augment:RandomResizedCrop",
    }


@hookimpl
def gait_datasets() -> Contribution:
    return {
        "ChosenSequences": f"{_HERE}.subsets:ChosenSequences",
        "SilhouetteFrames": f"{_HERE}.frames:SilhouetteFrames",
    }


@hookimpl
def gait_protocols() -> Contribution:
    return {"evaluate_frames": f"{_HERE}.protocol:FramesProtocol"}


@hookimpl
def gait_works() -> dict[str, PublishedWork]:
    exact = "keys and outputs of the published code within rounding"
    return {
        "Hybrid re-identification": PublishedWork(
            "Torres and Canto, 2025",
            models=("GaitBackbone", "SupervisedReIDModel", "HybridGaitModel"),
            streams=("silhouettes",),
            configurations=("hybrid/",),
            weights="none",
            licence="none stated",
            published="in the paper, by the rule `frames`, for CASIA-B",
            seen=f"{exact}; hybrid/walkers: Rank-1 of phases 1 to 3: 53.7, 72.4, 80.9",
            needs="for phases 2 and 3 those of the phase before",
        ),
        "SimCLR": PublishedWork(
            "Chen et al., ICML 2020",
            models=("SimCLR",),
            streams=("silhouettes",),
            configurations=("hybrid/",),
            weights="none for gait",
            licence="none stated",
            published="none for gait",
            seen="its loss within rounding; hybrid/few_labels trains",
        ),
    }
