"""Settings of OpenGait's files that are brought to where and how our components read them."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

COSINE_STEPS = "T_max_iter"
COSINE_MODELS = frozenset({"SwinGait"})
STACKING_MODELS = frozenset({"SkeletonGaitPP"})
"""Models that OpenGait hands several files of a sequence as the channels of one picture."""
CLASS_MODELS = frozenset({"ScoNet"})
SCOLIOSIS = {
    "negative": ["[Nn]egative"],
    "neutral": ["[Nn]eutral"],
    "positive": ["[Pp]ositive"],
}
"""The classes of Scoliosis1K by its types, in OpenGait's order."""


def move_cosine_steps(config: MutableMapping[str, Any]) -> None:
    """Move ``trainer_cfg.T_max_iter`` to ``model_cfg`` where the model takes it, in place.

    With another model it stays where it is, and validation names it.
    """
    model, trainer = config.get("model_cfg"), config.get("trainer_cfg")
    if not isinstance(model, MutableMapping) or not isinstance(trainer, MutableMapping):
        return
    if _name(model) in COSINE_MODELS and COSINE_STEPS in trainer:
        model.setdefault(COSINE_STEPS, trainer.pop(COSINE_STEPS))


def transform_pictures_together(config: MutableMapping[str, Any]) -> None:
    """Turn the one transform of a model of several pictures into one that changes all of them, in place.

    OpenGait lays them over each other first, so that its files name one transform for both.
    """
    if _name(config.get("model_cfg")) not in STACKING_MODELS:
        return
    for name in ("trainer_cfg", "evaluator_cfg"):
        section = config.get(name)
        if not isinstance(section, MutableMapping) or section.get("joint_transform"):
            continue
        written = section.get("transform")
        if isinstance(written, list) and len(written) == 1 and isinstance(written[0], MutableMapping):
            section["joint_transform"] = [{"type": "JointPictures", "trf_cfg": written}]
            section["transform"] = [None, None]


def name_classes(config: MutableMapping[str, Any]) -> None:
    """Give a model of classes those of Scoliosis1K where the file names none, in place."""
    data = config.get("data_cfg")
    if _name(config.get("model_cfg")) in CLASS_MODELS and isinstance(data, MutableMapping):
        data["classes"] = data.get("classes") or SCOLIOSIS


def _name(model: Any) -> str:
    """The bare name of the model; empty where ``model_cfg`` is no mapping."""
    return str(model.get("model")).rsplit("/", 1)[-1] if isinstance(model, MutableMapping) else ""
