"""Settings of OpenGait's files of BigGait and BiggerGait: brought to where our components read them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

log = logging.getLogger("gait_plugins")

MODELS = {
    "BigGait__Dinov2_Gaitbase": ("BigGait", "DINOv2", "pretrained_dinov2"),
    "BiggerGait__DINOv2": ("BiggerGait", "Dinov2Model", "pretrained_lvm"),
}
"""OpenGait's name -> ours, the extractor, and the key of its weights."""
MASK = "pretrained_mask_branch"
SECTIONS = ("trainer_cfg", "evaluator_cfg")
PICTURES = {"type": "Stream", "shape": ["h", "w", 3], "dtype": "uint8", "low": 0, "high": 255}
SIZES = {"type": "Stream", "shape": [2], "dtype": "float32", "low": 0}
USUAL = {"rgb": {"type": "Film"}, "ratios": {"type": "Ratios"}}


def name_parts(config: MutableMapping[str, Any]) -> None:
    """Turn paths of weights into an extractor, and into the start of the mask branch, in place.

    OpenGait trains the mask branch for 500 steps, and then puts the file's weights in its place. Here they
    are there from the first step on.
    """
    model, trainer = _section(config, "model_cfg"), _section(config, "trainer_cfg")
    if model.get("model") not in MODELS:
        return
    name, kind, key = MODELS[str(model["model"])]
    model["model"] = name
    weights = _path(model.pop(key, None))
    if "extractor" not in model:
        model["extractor"] = {"type": kind, **({} if weights is None else {"weights": weights})}
    elif weights is not None:
        log.warning("model_cfg.%s is not read: model_cfg.extractor is there", key)
    if MASK not in model:
        return
    mask = _path(model.pop(MASK))
    if mask is not None and trainer.get("init") is None:
        trainer["init"] = {"Mask_Branch": mask}
    elif mask is None and name == "BigGait" and not trainer.get("init"):
        log.warning(
            "model_cfg.%s names no file: the mask branch is trained all the time; OpenGait trains it for 500 "
            "steps. To train it alone first: the recipe biggait/walkers shows how",
            MASK,
        )
        model["train_mask"] = True


def declare_sizes(config: MutableMapping[str, Any]) -> None:
    """Declare what the files hold that Rearrange and RatioHW are given for, in place."""
    model, data = _section(config, "model_cfg"), _section(config, "data_cfg")
    if model.get("model") != "BigGait" or data.get("streams") is not None or model.get("streams"):
        return
    for section in (_section(config, name) for name in SECTIONS):
        given = section.get("transform")
        if isinstance(given, list) and len(given) == 2:
            pictures, ratios = (_types(each) for each in given)
            if "Rearrange" in pictures or "RatioHW" in ratios:
                data["streams"] = {
                    "rgb": PICTURES if "Rearrange" in pictures else USUAL["rgb"],
                    "ratios": SIZES if "RatioHW" in ratios else USUAL["ratios"],
                }
                return


def _types(transform: Any) -> list[Any]:
    """What a transform is, or those that it is composed of."""
    if not isinstance(transform, Mapping):
        return []
    inner = transform.get("trf_cfg")
    listed = inner if isinstance(inner, list) else [transform]
    return [each.get("type") for each in listed if isinstance(each, Mapping)]


def _path(value: Any) -> str | None:
    """A path; None for what OpenGait's files write where there is none."""
    return value if isinstance(value, str) and value.strip().lower() not in ("", "none", "null") else None


def _section(config: Mapping[str, Any], name: str) -> MutableMapping[str, Any]:
    """A section that may be written to; an empty one where it is none."""
    found = config.get(name)
    return found if isinstance(found, MutableMapping) else {}
