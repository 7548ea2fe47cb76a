"""TrackletGait: wavelet downsampling, random tracklet sampling, hardness exclusion (arXiv 2508.02143)."""

from __future__ import annotations

from typing import Any

from gait_plugins.api import PublishedWork
from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.tracklet"


@hookimpl
def gait_models() -> Contribution:
    return {
        "TrackletGait": f"{_HERE}.model:TrackletGait",
        "TrackletGait_s": f"{_HERE}.model:TrackletGaitSmall",
    }


@hookimpl
def gait_losses() -> Contribution:
    return {"TripletLoss_HardEx": f"{_HERE}.hardex:HardnessExclusionTripletLoss"}


@hookimpl
def gait_frame_samplers() -> Contribution:
    return {
        "tracklet": f"{_HERE}.sampling:FixedTracklets",
        "tracklet_mix_p": f"{_HERE}.sampling:RandomTracklets",
    }


@hookimpl
def gait_configure(config: dict[str, Any]) -> None:
    """The published YAML leaves tracklet placeholders beside ``method: random``; they mean nothing there."""
    from gait_plugins.plugins.tracklet.config_compat import drop_placeholders

    drop_placeholders(config)


@hookimpl
def gait_works() -> dict[str, PublishedWork]:
    exact = "keys and outputs of the published code within rounding"
    return {
        "TrackletGait": PublishedWork(
            "arXiv 2508.02143",
            models=("TrackletGait", "TrackletGait_s"),
            streams=("silhouettes",),
            configurations=("trackletgait/",),
            weights="none known here; walkers/pretrained has seen synthetic people alone",
            licence="walkers/pretrained: Apache-2.0",
            published="in the paper, for all six data sets",
            seen=f"{exact}; walkers/trackletgait: NM 77.2, BG 67.0, CL 65.1",
        ),
    }
