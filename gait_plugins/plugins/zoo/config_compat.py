"""Settings of OpenGait's files that its code implies: brought to where our components read them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

COSINE_STEPS = "T_max_iter"
COSINE_MODELS = frozenset({"SwinGait"})
JOINED: Mapping[str, Sequence[str]] = {"SkeletonGaitPP": ("skeleton_maps", "silhouettes")}
"""Models that OpenGait transforms all streams of together, as one picture."""
SCOLIOSIS = ("negative", "neutral", "positive")
SECTIONS = ("trainer_cfg", "evaluator_cfg")


def join_transforms(config: MutableMapping[str, Any]) -> None:
    """Make the one transform of a model of several pictures a joint transform of them, in place.

    OpenGait lays the pictures on each other first. Transforms that name their streams stay as they are, and
    so does a section with a joint transform.
    """
    model = _section(config, "model_cfg")
    streams = JOINED.get(_name(model)) or model.get("streams")
    if _name(model) not in (*JOINED, "MultiGaitpp") or not isinstance(streams, Sequence):
        return
    for section in (_section(config, name) for name in SECTIONS):
        single = _single(section.get("transform"))
        if single and not section.get("joint_transform"):
            joint = {"type": "JointPictures", "streams": list(streams), "trf_cfg": [single]}
            section["joint_transform"] = [joint]
            section["transform"] = dict.fromkeys(streams)


def count_channels(config: MutableMapping[str, Any]) -> None:
    """Write down the channels of MultiGait++'s maps, which its files leave out, in place."""
    model = _section(config, "model_cfg")
    backbone = model.get("Backbone")
    if not isinstance(backbone, MutableMapping) or _name(model) != "MultiGaitpp":
        return
    parts = [backbone.get("part1_channel"), backbone.get("part2_channel")]
    if backbone.get("in_channels") is None and all(isinstance(part, int) for part in parts):
        backbone["in_channels"] = sum(parts)


def name_classes(config: MutableMapping[str, Any]) -> None:
    """Name the classes of Scoliosis1K where ScoNet, or its test, is given none, in place."""
    model, data, test = (_section(config, name) for name in ("model_cfg", "data_cfg", "evaluator_cfg"))
    meant = _name(model) == "ScoNet" or test.get("eval_func") == "evaluate_scoliosis"
    if meant and not data.get("classes"):
        forms = {name: (name, name.title(), name.upper()) for name in SCOLIOSIS}
        data["classes"] = {name: [f"{form}*" for form in forms[name]] for name in SCOLIOSIS}


def move_cosine_steps(config: MutableMapping[str, Any]) -> None:
    """Move ``trainer_cfg.T_max_iter`` to ``model_cfg`` where the model takes it, in place.

    With another model it stays where it is, and validation names it.
    """
    model, trainer = _section(config, "model_cfg"), _section(config, "trainer_cfg")
    if _name(model) in COSINE_MODELS and COSINE_STEPS in trainer:
        model.setdefault(COSINE_STEPS, trainer.pop(COSINE_STEPS))


def _section(config: Mapping[str, Any], name: str) -> MutableMapping[str, Any]:
    """A section that may be written to; an empty one where it is none."""
    found = config.get(name)
    return found if isinstance(found, MutableMapping) else {}


def _name(model: Mapping[str, Any]) -> str:
    """The model's name without its package's; empty for one of a checkout, which has code for all this."""
    package, _, name = str(model.get("model")).rpartition("/")
    return "" if package == "opengait" else name


def _single(transform: Any) -> Any:
    """The one transform that is given without a stream; None where there are several, or none."""
    listed = transform if isinstance(transform, list) else [transform]
    alone = listed[0] if len(listed) == 1 else None
    return alone if isinstance(alone, Mapping) and "type" in alone else None
