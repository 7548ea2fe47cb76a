"""TrackletGait: wavelet downsampling, random tracklet sampling, hardness exclusion (arXiv 2508.02143)."""

from __future__ import annotations

from typing import Any

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
