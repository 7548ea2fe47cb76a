"""Keys without effect in published TrackletGait configurations."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

TRACKLET_KEYS = ("sample_tracklet_length", "sample_tracklet_prob", "sample_tracklet_step")


def drop_placeholders(config: MutableMapping[str, Any]) -> None:
    """Remove tracklet keys of length 0 from samplers that draw no tracklets, in place.

    Real values stay: beside ``method: random`` they are a mistake, which validation names.
    """
    for section in ("trainer_cfg", "evaluator_cfg"):
        settings = config.get(section)
        sampler = settings.get("sampler") if isinstance(settings, MutableMapping) else None
        if not isinstance(sampler, MutableMapping) or sampler.get("method", "random") != "random":
            continue
        if sampler.get("sample_tracklet_length") in ([0], 0):
            for key in TRACKLET_KEYS:
                sampler.pop(key, None)
