"""Settings of OpenGait's files of point clouds: brought to where our components read them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

SECTIONS = ("trainer_cfg", "evaluator_cfg")
OPTION = "points_in_use"


def sample_points(config: Mapping[str, Any]) -> None:
    """Make ``sampler.points_in_use`` the first transform of the stream of clouds, in place.

    Without ``points_num``, frames keep their own numbers of points. What cannot be read stays where it is:
    validation then names it.
    """
    for section in (config.get(name) for name in SECTIONS):
        sampler = section.get("sampler") if isinstance(section, MutableMapping) else None
        if not isinstance(section, MutableMapping) or not isinstance(sampler, MutableMapping):
            continue
        meant = sampler.get(OPTION)
        if meant is None and OPTION in sampler:
            del sampler[OPTION]
        if isinstance(meant, Mapping) and set(meant) <= {"pointcloud_index", "points_num"}:
            _move(section, sampler, meant)


def _move(
    section: MutableMapping[str, Any], sampler: MutableMapping[str, Any], meant: Mapping[str, Any]
) -> None:
    number, place = meant.get("points_num"), meant.get("pointcloud_index")
    transforms = section.get("transform")
    if number is None or place is None:
        del sampler[OPTION]
        return
    if isinstance(transforms, Mapping) and "type" in transforms:
        transforms = [transforms]
    keys: list[Any] = list(transforms) if isinstance(transforms, Mapping) else []
    if isinstance(transforms, list):
        keys = list(range(len(transforms)))
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(keys):
        return
    changed = dict(transforms) if isinstance(transforms, Mapping) else list(transforms or [])
    own = changed[keys[place]]
    steps = [{"type": "SamplePoints", "points_num": number}, *([own] if own else [])]
    changed[keys[place]] = {"type": "Compose", "trf_cfg": steps}
    section["transform"] = changed
    del sampler[OPTION]
